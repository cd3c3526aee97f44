/** The programs of this folder. */
import { type Program, startProgram as startFile, startSkewed as startSkewedFile } from '../child-program.ts'

export type { Program } from '../child-program.ts'

/** Starts one of `programs/*.ts`. */
export function startProgram(name: string, ...programArguments: readonly string[]): Program {
  return startFile(fileOf(name), ...programArguments)
}

/** The same with a clock that is wrong. */
export function startSkewed(
  clockSkew: number | 'steps',
  name: string,
  ...programArguments: readonly string[]
): Program {
  return startSkewedFile(clockSkew, fileOf(name), ...programArguments)
}

const fileOf = (name: string) => new URL(`./programs/${name}.ts`, import.meta.url)
