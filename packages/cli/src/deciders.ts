/** The deciders that a configuration file exports. */
import { wrongUsage } from './failure.ts'
import type { Config } from './target/config.ts'
import type { AnyDecider } from './target/known.ts'

/** @throws CommandFailure if there is no decider of this name */
export function deciderOf({ deciders = {} }: Config, name: string): AnyDecider {
  const found = deciders[name]
  if (found !== undefined) return found
  const names = Object.keys(deciders)
  throw wrongUsage(
    names.length === 0
      ? 'Folding needs a configuration file that exports `deciders`'
      : `There is no decider '${name}': the configuration file has ${names.join(', ')}`,
  )
}
