/** Sends the records on standard input through `Echo.everything`, and prints what comes back. */

import { isDeepStrictEqual } from "node:util";
import { Client } from "graft-client";
import { Everything } from "./node_modules/graft-client/dist/codecs.js";
import { parse, stringify } from "./node_modules/graft-client/dist/runtime/json.js";
import { env, fail, lines } from "./support.js";

const client = new Client(env("GRAFT_URL"), { user: env("GRAFT_USER"), password: env("GRAFT_PASSWORD") });
const records = (await lines()).map((line) => Everything.decode(parse(line)));
const answers = await Promise.all(records.map((record) => client.echo.everything(record)));
for (const [place, answer] of answers.entries()) {
  const sent = records[place];
  if (!isDeepStrictEqual(answer, sent)) {
    fail(`record ${place} came back otherwise`, sent, answer);
  }
  console.log(stringify(Everything.encode(answer)));
}
const first = records[0];
if (first === undefined) {
  fail("there are no records");
}
const task = await client.echo.startEverything(first);
const result = await task.wait({ timeout: 30 });
if (!isDeepStrictEqual(result, first)) {
  fail("the task's result is another record");
}
await client.close();
