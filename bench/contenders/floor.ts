/**
 * The lower bound of the cost: a bare node:http server that knows the four operations by name, sends their commands and
 * writes JSON. No GraphQL, no checks, no limits, no log.
 */
import { randomBytes } from 'node:crypto';
import http from 'node:http';
import { type Ticket, toMaintenance, toWireTime } from './vendor.ts';

type Json = Record<string, unknown>;
type Variables = { residenceId: string; id: string; representations: { id: string }[]; input: Json };
/** Sends one command with the caller's header. Resolves with the raw reply. */
export type Exchange = (command: { name: string; id: string; param: Json }, authorization: string) => Promise<string>;

export function serveFloor(exchange: Exchange): void {
  async function ask<T>(authorization: string, name: string, param: Json): Promise<T> {
    const id = `c${randomBytes(16).toString('hex')}`;
    return JSON.parse(await exchange({ name, id, param }, authorization)).result;
  }

  async function list(authorization: string, residenceId: string) {
    const tickets = await ask<Ticket[]>(authorization, 'get_maintenance_list', { residence_id: residenceId });
    return tickets.map((ticket) => toMaintenance(ticket, residenceId));
  }

  const operations: Record<string, (variables: Variables, authorization: string) => Promise<Json>> = {
    async List({ residenceId }, authorization) {
      return { maintenances: await list(authorization, residenceId) };
    },
    async One({ id }, authorization) {
      const [residenceId = '', maintenanceId = ''] = id.split(':');
      const param = { residence_id: residenceId, maintenance_id: maintenanceId };
      const ticket = await ask<Omit<Ticket, 'maintenance_id'>>(authorization, 'get_maintenance_info', param);
      return { maintenance: toMaintenance({ ...ticket, maintenance_id: maintenanceId }, residenceId) };
    },
    async Entities({ representations }, authorization) {
      const residenceIds = new Set(representations.map(({ id }) => id.slice(0, id.indexOf(':'))));
      const lists = await Promise.all(Array.from(residenceIds, (residenceId) => list(authorization, residenceId)));
      const known = new Map(lists.flat().map((maintenance) => [maintenance.id, maintenance]));
      return { _entities: representations.map(({ id }) => known.get(id) ?? null) };
    },
    async Create({ input }, authorization) {
      const param = {
        residence_id: input.residenceId,
        start_time: toWireTime(String(input.startTime)),
        finish_time: toWireTime(String(input.finishTime)),
        description: input.description,
        contact: input.contact,
      };
      const created = await ask<Json>(authorization, 'create_maintenance_info', param);
      return { createMaintenance: { id: `${input.residenceId}:${created.maintenance_id}` } };
    },
  };

  const server = http.createServer({ keepAliveTimeout: 120_000 }, (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', async () => {
      const { operationName, variables } = JSON.parse(Buffer.concat(chunks).toString());
      const data = await operations[operationName]?.(variables, request.headers.authorization ?? '');
      const body = Buffer.from(JSON.stringify({ data }));
      response.writeHead(200, { 'content-type': 'application/json; charset=utf-8', 'content-length': body.length });
      response.end(body);
    });
  });
  server.listen(Number(process.env.PORT), '127.0.0.1');
}
