/** Lists cases of command handlers twice: for handlers without a state cache, and for handlers with one. */
import { commandHandler } from '../command/command-handler.ts'
import type { ConformanceCase } from './case.ts'

export function withAndWithoutCache(
  casesOf: (handlerOf: typeof commandHandler) => readonly ConformanceCase[],
): readonly ConformanceCase[] {
  return [
    ...casesOf(commandHandler),
    ...casesOf((options) => commandHandler({ cacheSize: 1000, ...options })).map((one) => ({
      ...one,
      group: `${one.group}, with a state cache`,
    })),
  ]
}
