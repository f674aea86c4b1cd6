// Loaded into each contender before anything of its own: answers, over Node's own channel, what the process has used so far.
process.on('message', () => {
  const { user, system } = process.cpuUsage();
  process.send({ cpuUs: user + system, rssBytes: process.memoryUsage.rss() });
});
process.channel.unref();
