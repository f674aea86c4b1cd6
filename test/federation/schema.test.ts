/** The schema file: how it composes, its directives, and the releases before. routers/composers has more composers. */
import { composeServices } from '@apollo/composition';
import { describe, expect, it } from '@jest/globals';
import {
  type ASTNode,
  type FieldDefinitionNode,
  findBreakingChanges,
  type InputValueDefinitionNode,
  parse,
  print,
  visit,
} from 'graphql';
import { composeSupergraph, type Service, toServices } from '../../dev/supergraph/compose.ts';
import { readDocument } from '../support/documents.ts';
import { FIELDS, SCHEMA } from '../support/maintenance/schema.ts';
import { useSubgraph } from '../support/use-subgraph.ts';
import { COMPOSITIONS, MAINTENANCE_SDL, toService } from '../support/use-supergraph.ts';

const document = parse(MAINTENANCE_SDL);
const subgraph = useSubgraph();

const compose = (services: readonly Service[]) => composeServices(toServices(services));

describe('in the supergraph of @apollo/composition', () => {
  it.each(COMPOSITIONS)('it composes without a hint, with a subgraph that refers by the key: %s', (_, services) => {
    const { supergraphSdl, errors, hints } = compose(services);
    expect({ errors, hints }).toEqual({ errors: undefined, hints: [] });
    expect(supergraphSdl).toContain('join__type(graph: MAINTENANCE, key: "residence { id } maintenanceId")');
  });

  // An import takes its name from all subgraphs. gqlgen and Hot Chocolate have a @cost, Hot Chocolate a @listSize.
  it.each(['cost', 'listSize'])('it composes with a subgraph that defines another @%s', (name) => {
    const sdl = `directive @${name}(complexity: Int) on FIELD_DEFINITION type Query { other: ID @${name}(complexity: 1) }`;
    expect(compose([toService('maintenance', MAINTENANCE_SDL), toService('other', sdl)]).errors).toBeUndefined();
  });

  // Relay keeps every record by its `id`.
  it('only entities have a field `id`', () => {
    const types = FIELDS.filter(({ field }) => field.name === 'id').map(({ owner }) => owner.name);
    expect(types.sort()).toEqual(['Maintenance', 'Residence']);
  });
});

describe('directives', () => {
  const isTagged = (node: ASTNode | null | undefined) =>
    node && 'directives' in node && node.directives?.some((one) => print(one).includes('personal-data'));

  it('tag every text as personal data, or its input type, except the message of a failed delete', () => {
    const untagged: string[] = [];
    const check = (node: FieldDefinitionNode | InputValueDefinitionNode) => {
      if (/^\[?String\b/.test(print(node.type)) && !isTagged(node)) untagged.push(node.name.value);
    };
    visit(document, {
      InputObjectTypeDefinition: (type) => (isTagged(type) ? false : undefined),
      FieldDefinition: check,
      InputValueDefinition: check,
    });
    expect(untagged).toEqual(['message']);
  });
});

it('the subgraph serves this schema', async () => {
  const ADDED = /^directive|^(scalar|enum|union|type) (_|link__|federation__)|^extend type Query \{\n {2}_/;
  const { data } = await subgraph.ask('{ _service { sdl } }');
  const served = parse(data._service.sdl).definitions.map(print);
  const ours = served.filter((definition) => !ADDED.test(definition));
  expect(ours.sort()).toEqual(document.definitions.map(print).sort());
});

// In a rollout, the supergraph of the last release is in front of new replicas. So a field goes one release after it was hidden.
it('answers all operations of the supergraph of the last release', () => {
  const before = composeSupergraph([toService('maintenance', readDocument('schema/baseline/maintenance.graphql'))]);
  expect(findBreakingChanges(before.toApi(), SCHEMA)).toEqual([]);
});
