import type { MaintenanceResolvers } from '../__generated__/types.ts';
import { tooLarge, toRepresentedKey } from '../arguments.ts';
import type { Context } from '../context.ts';
import { COSTS } from '../limits.ts';
import type { Decoded } from '../maintenance.ts';

// The other fields are members of the record; one that could not be decoded is an Error there, which fails that field alone.
export const Maintenance = {
  __resolveReference: async (representation: unknown, context: Context) =>
    context.caller().loaders.details.load(toRepresentedKey(representation)),

  residence: ({ residenceId }) => ({ id: residenceId }),

  description: ({ description }, _, context) => countText(description, context),
  contact: ({ contact }, _, context) => countText(contact, context),
  feedback: ({ feedback }, _, context) => countText(feedback, context),
  pictureUrls: ({ pictureUrls }, _, context) => countText(pictureUrls, context),
} satisfies MaintenanceResolvers;

/** The member as it is, as long as there is room for it. Nobody limits how long one is, nor how often it is asked for. */
function countText<T extends string | string[]>(member: Decoded<T>, context: Context): T | null {
  if (member instanceof Error) throw member;
  // An error for each text after the first that is left out would be more work than they are.
  if (member === null || context.textLeftOut) return null;
  // Each of a list takes its time besides.
  const length = typeof member === 'string' ? member.length : member.reduce((sum, url) => sum + url.length + 100, 0);
  if (context.take(length * COSTS.character)) return member;
  context.textLeftOut = true;
  throw tooLarge();
}
