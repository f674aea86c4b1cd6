import { GraphQLClient } from 'graphql-request';
import { describeWrites, HEADERS, MUTATIONS, runClient } from './writes.ts';

describeWrites('graphql-request', (url) => {
  const client = new GraphQLClient(url, { headers: HEADERS });
  return (mutation, variables) =>
    runClient('graphql-request', 'result', { client, mutation: MUTATIONS[mutation], variables });
});
