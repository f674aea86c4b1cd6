/**
 * Unforeseen errors: Node's `http.request` and `https.request` throw for one bearer token. It works in this process, and by
 * `--import` in another one.
 */
import http from 'node:http';
import https from 'node:https';
import { syncBuiltinESMExports } from 'node:module';

type Request = typeof http.request;

/**
 * Makes requests with this bearer token throw. Call this before a server starts: it may keep a reference to `request`. Returns
 * a function that restores both.
 */
export function throwInRequest(token: string, code?: string): () => void {
  const originals = [http, https].map((module) => {
    const { request } = module;
    module.request = wrap(request, `Bearer ${token}`, code);
    return () => Object.assign(module, { request });
  });
  // For modules that import `request` by its name.
  syncBuiltinESMExports();
  return () => {
    for (const restore of originals) restore();
    syncBuiltinESMExports();
  };
}

function wrap(request: Request, authorization: string, code: string | undefined): Request {
  return function throwUnforeseen(...args: unknown[]) {
    const given = args as { readonly headers?: HeadersInit }[];
    const headers = given.find((argument) => argument?.headers)?.headers;
    if (new Headers(headers).get('authorization') === authorization) throw unforeseenError(headers, code);
    return (request as (...args: unknown[]) => http.ClientRequest)(...args);
  } as Request;
}

/** Returns an error that quotes the token and the router's secret, as errors of libraries may. */
function unforeseenError(headers: unknown, code: string | undefined): TypeError {
  const text = `canary-of-an-unforeseen-error ${JSON.stringify(headers)} ${process.env.ROUTER_SECRET}`;
  return Object.assign(new TypeError(text), { options: { text }, ...(code && { code }) });
}

/** Returns a module for `--import`, with which requests with this bearer token throw in another process. */
export function preloadThrowInRequest(token: string): string {
  const code = `import { throwInRequest } from '${import.meta.url}'; throwInRequest(${JSON.stringify(token)});`;
  return `data:text/javascript,${encodeURIComponent(code)}`;
}
