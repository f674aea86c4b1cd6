/** No log line of an operation, and none of its metrics. */
export const operationReport = () => ({});
