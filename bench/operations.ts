/**
 * The operations for every contender. The repair requests of each residence are `m0`, `m1` and so on.
 */
const FIELDS = 'id maintenanceId startTime finishTime createdTime description contact feedback pictureUrls state';

const DOCUMENTS = {
  List: `query List($residenceId: ID!) { maintenances(residenceId: $residenceId) { ${FIELDS} } }`,
  One: `query One($id: ID!) { maintenance(id: $id) { ${FIELDS} } }`,
  Entities: `query Entities($representations: [_Any!]!) {
    _entities(representations: $representations) { ... on Maintenance { ${FIELDS} } }
  }`,
  Visits: `query Visits($ids: [ID!]!) { visits(ids: $ids) { maintenance { ${FIELDS} } } }`,
  Create: 'mutation Create($input: CreateMaintenanceInput!) { createMaintenance(input: $input) { createdId } }',
};

/** The body of a GraphQL request, as a router sends it. */
export interface Operation {
  readonly operationName: keyof typeof DOCUMENTS;
  readonly query: string;
  readonly variables: Readonly<Record<string, unknown>>;
}

function operation(operationName: keyof typeof DOCUMENTS, variables: Operation['variables']): Operation {
  return { operationName, query: DOCUMENTS[operationName], variables };
}

export const list = (residenceId: string) => operation('List', { residenceId });
export const one = (residenceId: string) => operation('One', { id: `${residenceId}:m0` });

/** The ids of `count` repair requests, the first ones of each of the residences in turn. */
function idsOf(count: number, residenceIds: readonly string[]): string[] {
  return Array.from({ length: count }, (_, index) => {
    return `${residenceIds[index % residenceIds.length]}:m${Math.floor(index / residenceIds.length)}`;
  });
}

export function entities(count: number, residenceIds: readonly string[]): Operation {
  const representations = idsOf(count, residenceIds).map((id) => ({ __typename: 'Maintenance', id }));
  return operation('Entities', { representations });
}

/** The same behind a router, by a neighbor that refers to them. */
export const visits = (count: number, residenceIds: readonly string[]) =>
  operation('Visits', { ids: idsOf(count, residenceIds) });

export function create(residenceId: string): Operation {
  const input = {
    residenceId,
    startTime: '2024-01-16T13:32:45Z',
    finishTime: '2024-01-17T13:32:45Z',
    description: 'The tap in the kitchen drips.',
    contact: '10086',
  };
  return operation('Create', { input });
}
