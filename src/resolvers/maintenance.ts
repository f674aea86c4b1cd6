import type { MaintenanceResolvers } from '../__generated__/types.ts';
import { Refusal, toRepresentedKey } from '../arguments.ts';
import type { Context } from '../context.ts';
import { LIMITS, take } from '../limits.ts';
import type { Decoded } from '../maintenance.ts';

// The other fields are members of the record; one that could not be decoded is an Error there, which fails that field alone.
export const Maintenance: MaintenanceResolvers = {
  __resolveReference: async (representation, context) =>
    context.caller().loaders.details.load(toRepresentedKey(representation)),

  residence: ({ residenceId }) => ({ id: residenceId }),

  description: ({ description }, _, context) => countText(description, context),
  contact: ({ contact }, _, context) => countText(contact, context),
  feedback: ({ feedback }, _, context) => countText(feedback, context),
  pictureUrls: ({ pictureUrls }, _, context) => countText(pictureUrls, context),
};

/** The member as it is, as long as there is room for it. Nobody limits how long one is, nor how often it is asked for. */
function countText<T extends string | string[]>(member: Decoded<T>, { spent }: Context): T | null {
  if (member instanceof Error) throw member;
  if (member === null) return null;
  if (spent.text > LIMITS.text) return null;
  // Each of a list takes its time besides.
  const length = typeof member === 'string' ? member.length : member.reduce((sum, url) => sum + url.length + 100, 0);
  if (take(spent, 'text', length)) return member;
  // An error for each that is left out would be more work than they are.
  spent.text = Number.POSITIVE_INFINITY;
  const most = `more than ${LIMITS.text} characters of text`;
  throw new Refusal('BAD_USER_INPUT', `The answer would have ${most}: this and all later ones are left out of it.`);
}
