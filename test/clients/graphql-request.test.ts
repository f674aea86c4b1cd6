import { GraphQLClient } from 'graphql-request';
import { describeWrites, HEADERS, MUTATIONS } from './writes.ts';

describeWrites('graphql-request', (url) => {
  const client = new GraphQLClient(url, { headers: HEADERS });
  return (mutation, variables) => client.rawRequest(MUTATIONS[mutation], variables).catch((error) => error.response);
});
