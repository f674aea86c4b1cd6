// Loaded into each contender before its own code: reports CPU time and memory of the process over Node's IPC channel.
process.on('message', () => {
  const { user, system } = process.cpuUsage();
  process.send({ cpuUs: user + system, rssBytes: process.memoryUsage.rss() });
});
process.channel.unref();
