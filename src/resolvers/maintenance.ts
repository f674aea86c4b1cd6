import type { MaintenanceResolvers } from '../__generated__/types.ts';
import { take, toRepresentedKey } from '../arguments.ts';
import type { Context } from '../context.ts';
import { COSTS } from '../limits.ts';
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
function countText<T extends string | string[]>(member: Decoded<T>, { budget }: Context): T | null {
  if (member instanceof Error) throw member;
  // What was too much has said so: an error for each text after it would be more work than they are.
  if (member === null || budget.left < 0) return null;
  // Each of a list takes its time besides.
  const length = typeof member === 'string' ? member.length : member.reduce((sum, url) => sum + url.length + 100, 0);
  take(budget, length * COSTS.character);
  return member;
}
