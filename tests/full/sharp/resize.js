// Resizes pictures as lists of jobs say, in JSON: [{source, target, width, height, fit, position}].
import { readFileSync } from "node:fs";
import sharp from "sharp";

for (const job of JSON.parse(readFileSync(0, "utf8"))) {
  const { width, height, fit, position } = job;
  await sharp(job.source)
    .autoOrient()
    .resize({ width, height, fit, position, background: "white", withoutEnlargement: !job.enlarge })
    .png({ compressionLevel: 1 })
    .toFile(job.target);
}
