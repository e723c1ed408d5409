// Writes pictures as sharp does by itself: {source, target, format, times} a line, in JSON, answered
// by the least CPU time of all threads in milliseconds.
import { createInterface } from "node:readline";
import { readFileSync, writeFileSync } from "node:fs";
import sharp from "sharp";

for await (const line of createInterface({ input: process.stdin })) {
  const { source, target, format, times } = JSON.parse(line);
  const data = readFileSync(source);
  let least = Infinity;
  for (let time = 0; time < times; time++) {
    const before = process.cpuUsage();
    const written = await sharp(data).toFormat(format).toBuffer();
    const { user, system } = process.cpuUsage(before);
    least = Math.min(least, (user + system) / 1000);
    writeFileSync(target, written);
  }
  console.log(JSON.stringify(least));
}
