/** Nothing is counted or measured. */
const nothing = () => {};

export const createMetrics = () => ({
  contentType: 'text/plain',
  active: { set: nothing },
  write: async () => '',
  requestEnded: nothing,
  operationEnded: nothing,
});
