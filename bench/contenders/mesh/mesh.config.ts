/**
 * Mesh's configuration for the command API. mesh.ts serves its output, subgraph.graphql in this folder. To create the output
 * again, run in bench/, as Mesh's page "Consume in other gateways" describes:
 *
 *     mesh-compose -c contenders/mesh/mesh.config.ts --subgraph CommandApi -o contenders/mesh/subgraph.graphql
 */
import { createFederationTransform, defineConfig } from '@graphql-mesh/compose-cli';
import { type JSONSchemaOperationConfig, loadJSONSchemaSubgraph } from '@omnigraph/json-schema';

const string = { type: 'string' } as const;
const TICKET = {
  type: 'object' as const,
  title: 'Ticket',
  properties: {
    maintenance_id: string,
    start_time: string,
    finish_time: string,
    created_time: string,
    description: string,
    contact: string,
    maintenance_picture_url: { type: 'array' as const, items: string },
    feedback: string,
    state: string,
  },
};
const CREATED = { type: 'object', title: 'Created', properties: { maintenance_id: string } };

/** An operation that sends a command. Its argument is `input: { param }`, which the base body is merged with. */
function command(
  type: 'Query' | 'Mutation',
  name: string,
  param: string[],
  replyName: string,
  reply: object,
): JSONSchemaOperationConfig {
  return {
    type,
    field: name,
    method: 'POST',
    path: '/api/v1.0/invoke/open-ability/method/user-commands',
    requestBaseBody: { command: name, id: '{context.command.id}' },
    requestSchema: {
      type: 'object',
      title: `${name}_input`,
      properties: {
        param: {
          type: 'object',
          title: `${name}_param`,
          properties: Object.fromEntries(param.map((member) => [member, string])),
          required: param,
        },
      },
      required: ['param'],
    },
    responseSchema: { type: 'object', title: replyName, properties: { success: { type: 'boolean' }, ...reply } },
  };
}

const KEY = { residence_id: string, maintenance_id: string };
const NEW = ['residence_id', 'start_time', 'finish_time', 'description', 'contact'];

export const composeConfig = defineConfig({
  subgraphs: [
    {
      sourceHandler: loadJSONSchemaSubgraph('CommandApi', {
        endpoint: '{env.COMMAND_API_URL}',
        operationHeaders: {
          'content-type': 'application/json',
          accept: 'application/json',
          authorization: '{context.headers.authorization}',
        },
        operations: [
          command('Query', 'get_maintenance_list', ['residence_id'], 'Maintenances', {
            result: { type: 'array', items: TICKET },
          }),
          // The entity is the whole reply with its envelope. The transform HoistField would remove the envelope, but then
          // Hive Gateway as a subgraph answers null: it runs requests on the schema without the transform.
          command('Query', 'get_maintenance_info', Object.keys(KEY), 'Maintenance', { ...KEY, result: TICKET }),
          command('Mutation', 'create_maintenance_info', NEW, 'CreateMaintenance', { result: CREATED }),
        ],
      }),
      transforms: [
        createFederationTransform({
          Maintenance: {
            key: {
              fields: Object.keys(KEY).join(' '),
              resolveReference: {
                fieldName: 'get_maintenance_info',
                argsExpr: 'input: { param: { residence_id: $key.residence_id, maintenance_id: $key.maintenance_id } }',
              },
            },
          },
        }),
      ],
    },
  ],
});
