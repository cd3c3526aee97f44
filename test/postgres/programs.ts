/** Starts the programs of the folder `programs` in child processes. */
import { type Program, startProgram as startFile, startSkewed as startSkewedFile } from '../child-program.ts'

export type { Program } from '../child-program.ts'

/** Starts one of `programs/*.ts`. */
export function startProgram(name: string, ...programArguments: readonly string[]): Program {
  return startFile(fileOf(name), ...programArguments)
}

/** Like `startProgram`, with a wrong clock. */
export function startSkewed(
  clockSkew: number | 'steps',
  name: string,
  ...programArguments: readonly string[]
): Program {
  return startSkewedFile(clockSkew, fileOf(name), ...programArguments)
}

const fileOf = (name: string) => new URL(`./programs/${name}.ts`, import.meta.url)
