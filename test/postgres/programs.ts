/** The programs of this folder. */
import { type Program, startProgram as startFile } from '../child-program.ts'

export type { Program } from '../child-program.ts'

/** Starts one of `programs/*.ts`. */
export function startProgram(name: string, ...programArguments: readonly string[]): Program {
  return startFile(new URL(`./programs/${name}.ts`, import.meta.url), ...programArguments)
}
