/** What test programs need of Node, told here instead of by `@types/node`. */
declare module "node:util" {
  export function isDeepStrictEqual(one: unknown, other: unknown): boolean;
  export function inspect(value: unknown, options?: object): string;
}
