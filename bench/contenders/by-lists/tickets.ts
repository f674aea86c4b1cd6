/**
 * The vendor's tickets and their ids. A member of another form than expected is an error, which graphql shows at its field alone.
 */
import { invalid } from './command-api.ts';

export type Key = { readonly residence_id: string; readonly maintenance_id: string };
type Ticket = Readonly<Record<string, unknown>>;
export type Maintenance = ReturnType<typeof toMaintenance>;

export const formatId = ({ residence_id, maintenance_id }: Key) =>
  [residence_id, maintenance_id].map((part) => part.replace(/[%:]/g, encodeURIComponent)).join(':');

export function parseId(id: string): Key | undefined {
  if (id.length > 1600 || /%(?!25|3a)/i.test(id)) return undefined;
  const [residence_id, maintenance_id, ...others] = id.split(':').map(decodeURIComponent);
  return isId(residence_id) && isId(maintenance_id) && others.length === 0
    ? { residence_id, maintenance_id }
    : undefined;
}

export function isId(id: unknown): id is string {
  return typeof id === 'string' && id !== '' && id.length <= 256 && id.isWellFormed();
}

export function decodeList(result: unknown, residence_id: string): Maintenance[] {
  if (!Array.isArray(result)) throw invalid('no list');
  const usable = result.filter((ticket) => isId(ticket?.maintenance_id));
  return usable.map((ticket) => toMaintenance(ticket, { residence_id, maintenance_id: ticket.maintenance_id }));
}

export function decodeObject(result: unknown): Ticket {
  if (typeof result === 'object' && result && !Array.isArray(result)) return result as Ticket;
  throw invalid('no object');
}

export function decodeInfo(result: unknown, key: Key): Maintenance {
  if (Object.keys(decodeObject(result)).length === 0) throw invalid('empty');
  return toMaintenance(decodeObject(result), key);
}

export function decodeId(result: unknown): string {
  const { maintenance_id } = decodeObject(result);
  if (isId(maintenance_id)) return maintenance_id;
  throw invalid('no id');
}

function toMaintenance(ticket: Ticket, key: Key) {
  return {
    __typename: 'Maintenance' as const,
    id: formatId(key),
    maintenanceId: key.maintenance_id,
    residence: { id: key.residence_id },
    startTime: decodeTime(ticket.start_time),
    finishTime: decodeTime(ticket.finish_time),
    createdTime: decodeTime(ticket.created_time),
    description: decodeText(ticket.description),
    contact: decodeText(ticket.contact),
    feedback: decodeText(ticket.feedback),
    pictureUrls: Array.isArray(ticket.maintenance_picture_url)
      ? ticket.maintenance_picture_url.map(decodeText)
      : decodeText(ticket.maintenance_picture_url ?? null),
    state: decodeState(ticket.state),
  };
}

const FAULTY = invalid('member');

/** Half a surrogate pair would cost the whole list: Apollo Router refuses it. */
function decodeText(value: unknown) {
  if (typeof value === 'string') return value.toWellFormed();
  return value === undefined || value === null ? null : FAULTY;
}

/** Decodes a text of this form. An empty one means null. */
const decoder = (form: RegExp, toOurs: (text: string) => string) => (value: unknown) => {
  const text = decodeText(value) || null;
  return typeof text !== 'string' ? text : form.test(text) ? toOurs(text) : FAULTY;
};
const WIRE_TIME = /^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01]) ([01]\d|2[0-3])(:[0-5]\d){2}$/;
const decodeTime = decoder(WIRE_TIME, (time) => `${time.replace(' ', 'T')}Z`);
const STATE = /^(wait for confirmation|in progress|completed|closed)$/;
const decodeState = decoder(STATE, (state) => state.toUpperCase().replaceAll(' ', '_'));
