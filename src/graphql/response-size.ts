/**
 * The size of an operation's response: the characters of all selected fields, each as often as it is selected. JSON may
 * write a character as six.
 *
 * Each value is added when it is known, and before graphql walks through it. A value beyond the limit of a response is
 * refused at its field or entry, and so is one for which there is no memory. An error counts more than a text, so a
 * response that could hold thousands of errors is refused as well. The result of a write is added before the write,
 * because a refusal after it would hide what became of it.
 */
import { type FieldNode, type GraphQLResolveInfo, Kind, type SelectionSetNode } from 'graphql';
import { PublicError } from '../errors/public-error.ts';
import { BYTES, CHARACTERS, LIMITS } from '../limits.ts';
import type { OperationBudget } from '../resources/memory-budget.ts';

/** A field that is selected, as often as it stands in a list of them. */
interface Selected {
  readonly name: string;
  /** Its characters without its value. */
  readonly characters: number;
  /** The fields that are selected of its value; undefined if its value is a leaf. */
  readonly fields: readonly Selected[] | undefined;
}

/** Methods that add throw a `PublicError` if there is no room. */
export class ResponseSize {
  readonly #budget: OperationBudget;
  #left: number = LIMITS.responseCharacters;
  // graphql passes the same array of nodes for all entries of a list.
  readonly #selections = new Map<readonly FieldNode[], readonly Selected[]>();

  constructor(budget: OperationBudget) {
    this.#budget = budget;
  }

  /** Adds the value of a field with a resolver, or the largest payload that a write may return. */
  addValue(value: unknown, info: GraphQLResolveInfo): void {
    this.#add(charactersOf(value, this.#fieldsOf(info), this.#left));
  }

  /** Adds the calls of reference resolvers, each of which may end in an error. */
  addReferences(count: number): void {
    this.#add(count * CHARACTERS.error);
  }

  #fieldsOf(info: GraphQLResolveInfo): readonly Selected[] {
    const selected = this.#selections.get(info.fieldNodes);
    if (selected) return selected;
    const fields = info.fieldNodes.flatMap(({ selectionSet }) => fieldsOf(selectionSet, info));
    this.#selections.set(info.fieldNodes, fields);
    return fields;
  }

  #add(characters: number): void {
    if (characters > this.#left)
      throw new PublicError('BAD_USER_INPUT', 'The response would be too large. Request less.');
    if (!this.#budget.tryReserve(characters * BYTES.responseCharacter, 'response'))
      throw new PublicError('UPSTREAM_UNAVAILABLE', 'Not enough memory for this response.');
    this.#left -= characters;
  }
}

/** Returns the fields that are selected, with those of fragments. Skipped fields and those of other types count too. */
function fieldsOf(selectionSet: SelectionSetNode | undefined, info: GraphQLResolveInfo): Selected[] {
  return (selectionSet?.selections ?? []).flatMap((node) => {
    if (node.kind === Kind.INLINE_FRAGMENT) return fieldsOf(node.selectionSet, info);
    if (node.kind === Kind.FRAGMENT_SPREAD) return fieldsOf(info.fragments[node.name.value]?.selectionSet, info);
    const { name, alias = name } = node;
    // graphql copies the lists in the arguments for each entry.
    const lists = (node.arguments ?? []).map(({ value }) => (value.kind === Kind.LIST ? value.values.length : 0));
    const copied = lists.reduce((sum, length) => sum + length, 0);
    const characters = alias.value.length + (1 + copied) * CHARACTERS.field;
    return { name: name.value, characters, fields: node.selectionSet && fieldsOf(node.selectionSet, info) };
  });
}

/** Returns the characters of a value with the fields that are selected of it. Stops once they exceed `most`. */
function charactersOf(value: unknown, fields: readonly Selected[], most: number): number {
  if (typeof value === 'string') return value.length;
  if (typeof value !== 'object' || value === null) return 0;
  if (value instanceof Error) return CHARACTERS.error;
  let sum = 0;
  if (Array.isArray(value)) {
    for (const entry of value) {
      sum += CHARACTERS.field + charactersOf(entry, fields, most);
      if (sum > most) break;
    }
    return sum;
  }
  for (const { name, characters, fields: inside } of fields) {
    const inner = (value as Readonly<Record<string, unknown>>)[name];
    const isResolved = inner === undefined && inside !== undefined;
    sum += characters + (isResolved ? CHARACTERS.error : charactersOf(inner, inside ?? [], most));
    if (sum > most) break;
  }
  return sum;
}
