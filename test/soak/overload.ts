import { Agent } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { EXAMPLE, seed } from '../../dev/seed.ts';
import { load, request } from '../support/load.ts';
import { HEADERS, startReplica } from '../support/replica.ts';
import { startUpstream } from '../support/upstream.ts';
import { atLeast, atMost, type Figure, noted } from './figures.ts';

const SECONDS = 8;
const FEW = [10, 25, 50];
const MANY = 1000;
// A client that asked again at once would spend the processor of this machine on refusals, and measure that.
const PAUSE_MS = 250;
const LIST = 'query ($r: ID!) { maintenances(residenceId: $r) { id state } }';
const TICKETS = seed().get(EXAMPLE.residenceId);

/** 1,000 connections on a server that serves a tenth of them well: it serves as many as before and refuses the rest at once. */
export async function overload(): Promise<Figure[]> {
  const upstream = await startUpstream();
  // Each request asks for a residence of its own, so that none can share another's exchange.
  upstream.fail(() => ({ body: { success: true, result: TICKETS } }));
  const replica = await startReplica(upstream.url);
  let residence = 0;

  async function run(connections: number) {
    const agent = new Agent({ keepAlive: true, maxSockets: connections });
    const seen = { good: 0, refused: 0, other: 0, slowestRefusalMs: 0 };
    const end = performance.now() + SECONDS * 1000;
    const ask = async () => {
      const start = performance.now();
      const { status, headers, text } = await request(agent, `${replica.url}/graphql`, {
        headers: HEADERS,
        body: JSON.stringify({ query: LIST, variables: { r: `r${residence++}` } }),
      });
      upstream.received.length = 0;
      if (status === 200 && !text.includes('"errors"')) {
        seen.good++;
      } else if (status === 503 && headers['retry-after'] !== undefined) {
        seen.refused++;
        seen.slowestRefusalMs = Math.max(seen.slowestRefusalMs, performance.now() - start);
        await delay(PAUSE_MS);
      } else {
        seen.other++;
      }
    };
    const other = () => {
      seen.other++;
    };
    await load(() => ask().catch(other), { workers: connections, isOver: () => performance.now() >= end });
    agent.destroy();
    return { ...seen, perSecond: seen.good / SECONDS };
  }

  await run(10);
  const peaks = [];
  for (const connections of FEW) peaks.push(await run(connections));
  const peak = Math.max(...peaks.map(({ perSecond }) => perSecond));

  const health = new Agent({ keepAlive: true, maxSockets: 1 });
  const probes = { answered: 0, failed: 0, slowestMs: 0 };
  let over = false;
  const probing = load(
    async () => {
      const start = performance.now();
      const answer = await request(health, `${replica.url}/health/live`).catch(() => undefined);
      if (answer?.status === 200) probes.answered++;
      else probes.failed++;
      probes.slowestMs = Math.max(probes.slowestMs, performance.now() - start);
    },
    { workers: 1, everyMs: 100, isOver: () => over },
  );
  const flood = await run(MANY);
  over = true;
  await probing;
  health.destroy();
  const exit = await replica.stop();
  await upstream.stop();
  return [
    noted('goodput at its peak', peak, '/s'),
    noted('goodput with 1,000 connections', flood.perSecond, '/s'),
    atLeast('goodput that is left', (100 * flood.perSecond) / peak, 90, ' %'),
    atLeast('refused with 503 and Retry-After', flood.refused, 1),
    noted('slowest refusal', flood.slowestRefusalMs, ' ms'),
    atMost('neither data nor such a refusal', flood.other + peaks.reduce((all, { other }) => all + other, 0), 0),
    atLeast('health checks answered', probes.answered, 1),
    atMost('health checks not answered', probes.failed, 0),
    atMost('slowest health check', probes.slowestMs, 1000, ' ms'),
    atMost('exit code', exit ?? 1, 0),
  ];
}
