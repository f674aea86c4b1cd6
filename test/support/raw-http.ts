/**
 * Raw HTTP, for requests that no client library would send.
 */
import net from 'node:net';

export interface RawAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: string;
}

/**
 * Sends bytes and returns the answers once the server has closed the connection: send `connection: close`, or `end` this
 * side after the bytes. A reset counts as a close.
 */
export async function sendBytes(url: string, bytes: string | Buffer, { end = false } = {}): Promise<RawAnswer[]> {
  const { hostname, port } = new URL(url);
  const chunks: Buffer[] = [];
  const socket = net.connect(Number(port), hostname).on('data', (chunk: Buffer) => chunks.push(chunk));
  socket.on('error', () => {});
  if (end) socket.end(bytes);
  else socket.write(bytes);
  await new Promise((resolve) => socket.once('close', resolve));
  return parseAnswers(Buffer.concat(chunks));
}

/** Returns a request as bytes: the lines of its head, and `content-length` if there is a body. */
export function request(head: readonly string[], body: string | Buffer = ''): Buffer {
  const content = Buffer.from(body);
  const length = content.length > 0 ? [`content-length: ${content.length}`] : [];
  return Buffer.concat([Buffer.from(`${[...head, ...length].join('\r\n')}\r\n\r\n`, 'latin1'), content]);
}

/** Returns the answers in the bytes of a connection. Throws if they are not HTTP or have chunks. */
export function parseAnswers(bytes: Buffer): RawAnswer[] {
  const answers: RawAnswer[] = [];
  let rest = bytes;
  while (rest.length > 0) {
    const end = rest.indexOf('\r\n\r\n');
    const [statusLine = '', ...lines] = rest.subarray(0, Math.max(end, 0)).toString('latin1').split('\r\n');
    const [, status] = /^HTTP\/1\.1 (\d{3})/.exec(statusLine) ?? [];
    const headers = new Headers(lines.map((line) => [line.split(':')[0] ?? '', line.slice(line.indexOf(':') + 1)]));
    const bodyStart = end + 4;
    // Only Node's own answers are chunked, and without a body.
    const isEmpty = headers.has('transfer-encoding') && rest.toString('latin1', bodyStart) === '0\r\n\r\n';
    if (isEmpty) rest = rest.subarray(0, bodyStart);
    else if (!status || headers.has('transfer-encoding')) throw new Error(`no answer: ${rest.toString('latin1')}`);
    const length = Number(status) < 200 ? 0 : Number(headers.get('content-length') ?? rest.length);
    answers.push({ status: Number(status), headers, body: rest.subarray(bodyStart, bodyStart + length).toString() });
    rest = rest.subarray(bodyStart + length);
  }
  return answers;
}
