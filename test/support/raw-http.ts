/** Raw HTTP, for requests that no client library would send. */
import net from 'node:net';

export interface RawAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: string;
}

/**
 * Sends bytes and returns the answers once the server has closed the connection: send `connection: close`. A reset counts
 * as a close.
 */
export async function sendBytes(url: string, bytes: string | Buffer): Promise<RawAnswer[]> {
  const { hostname, port } = new URL(url);
  const chunks: Buffer[] = [];
  const socket = net.connect(Number(port), hostname).on('error', () => {});
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  socket.write(bytes);
  await new Promise((resolve) => socket.once('close', resolve));
  return parseAnswers(Buffer.concat(chunks));
}

/** Returns a request as bytes: the lines of its head, and `content-length` if there is a body. */
export function request(head: readonly string[], body: string | Buffer = ''): Buffer {
  const lines = body.length > 0 ? [...head, `content-length: ${Buffer.byteLength(body)}`] : head;
  return Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), Buffer.from(body)]);
}

/** Returns the answers in the bytes of a connection. Throws if they are not HTTP or have chunks. */
export function parseAnswers(bytes: Buffer): RawAnswer[] {
  const answers: RawAnswer[] = [];
  for (let rest = bytes.toString('latin1'); rest.length > 0; ) {
    const [head = '', ...others] = rest.split('\r\n\r\n');
    const [statusLine = '', ...lines] = head.split('\r\n');
    const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(statusLine)?.[1]);
    const headers = new Headers(lines.map((line) => [line.split(':')[0] ?? '', line.slice(line.indexOf(':') + 1)]));
    rest = others.join('\r\n\r\n');
    if (!status || headers.has('transfer-encoding')) throw new Error(`no answer: ${bytes.toString('latin1')}`);
    const length = status < 200 ? 0 : Number(headers.get('content-length') ?? rest.length);
    answers.push({ status, headers, body: Buffer.from(rest.slice(0, length), 'latin1').toString() });
    rest = rest.slice(length);
  }
  return answers;
}
