/** What both programs need. */

declare const process: {
  env: Record<string, string | undefined>;
  exit(code: number): never;
  stdin: AsyncIterable<Uint8Array>;
};

export function env(name: string): string {
  return process.env[name] ?? fail(`${name} is not set`);
}

export function fail(message: string, ...shown: unknown[]): never {
  console.error(message, ...shown);
  process.exit(1);
}

export async function lines(): Promise<string[]> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of process.stdin) {
    text += decoder.decode(chunk, { stream: true });
  }
  return text.split("\n").filter((line) => line !== "");
}
