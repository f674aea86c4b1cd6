/**
 * HTTP that no client library would send: bytes on a socket, and every answer that comes back for them.
 */
import net from 'node:net';

export interface RawAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: string;
}

/**
 * Writes bytes and resolves with the answers once the server has closed the connection: ask for it with
 * `connection: close`, or `end` this side after the bytes. A reset counts as a close.
 */
export async function sendBytes(url: string, bytes: string | Buffer, { end = false } = {}): Promise<RawAnswer[]> {
  const { hostname, port } = new URL(url);
  const socket = net.connect(Number(port), hostname);
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  const closed = new Promise<void>((resolve) => {
    socket.on('close', () => resolve());
    socket.on('error', () => {});
  });
  if (end) socket.end(bytes);
  else socket.write(bytes);
  await closed;
  return parseAnswers(Buffer.concat(chunks));
}

/** A request as bytes: CRLF after each line of the head, and `content-length` where there is a body. */
export function request(head: readonly string[], body: string | Buffer = ''): Buffer {
  const content = Buffer.from(body);
  const length = content.length > 0 ? [`content-length: ${content.length}`] : [];
  return Buffer.concat([Buffer.from(`${[...head, ...length].join('\r\n')}\r\n\r\n`, 'latin1'), content]);
}

export function parseAnswers(bytes: Buffer): RawAnswer[] {
  const answers: RawAnswer[] = [];
  let rest = bytes;
  while (rest.length > 0) {
    const end = rest.indexOf('\r\n\r\n');
    if (end < 0) throw new Error(`no HTTP answer: ${rest.toString('latin1')}`);
    const [statusLine = '', ...lines] = rest.subarray(0, end).toString('latin1').split('\r\n');
    const headers = new Headers(lines.map((line) => [line.split(':')[0] ?? '', line.slice(line.indexOf(':') + 1)]));
    const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(statusLine)?.[1]);
    rest = rest.subarray(end + 4);
    const isChunked = headers.get('transfer-encoding') === 'chunked';
    const length = status < 200 || isChunked ? 0 : Number(headers.get('content-length') ?? rest.length);
    let body = rest.subarray(0, length);
    rest = rest.subarray(length);
    while (isChunked) {
      const line = rest.indexOf('\r\n');
      const size = Number.parseInt(rest.subarray(0, line).toString(), 16);
      if (!(size >= 0)) throw new Error(`no chunk: ${rest.toString('latin1')}`);
      body = Buffer.concat([body, rest.subarray(line + 2, line + 2 + size)]);
      rest = rest.subarray(line + 2 + size + 2);
      if (size === 0) break;
    }
    answers.push({ status, headers, body: body.toString() });
  }
  return answers;
}
