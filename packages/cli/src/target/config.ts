/** Loads `eventsourced.config.ts`: the store of a program, and what only the program knows of its events. */
import { existsSync } from 'node:fs'
import { basename, resolve } from 'node:path'
import { brokenRule } from '../console/check-options.ts'
import type { Redact } from '../console/options.ts'
import { CommandFailure, wrongUsage } from '../failure.ts'
import type { AnyDecider, AnyProjection, AnyStore } from './known.ts'

/** What a configuration file exports, as its default or by these names. */
export interface Config {
  readonly store: AnyStore
  /** Deciders by name, for `stream ID --fold NAME`. */
  readonly deciders?: Readonly<Record<string, AnyDecider>> | undefined
  /** The projections, so that they can be rebuilt and verified. */
  readonly projections?: readonly AnyProjection[] | undefined
  /** What the page of `console` may show of a value. */
  readonly redact?: Redact | undefined
}

const knownNames = ['store', 'deciders', 'projections', 'redact']

const defaultFiles = ['ts', 'mts', 'js', 'mjs'].map((ending) => `eventsourced.config.${ending}`)

/** Returns the path of the configuration file: the given one, or the default one of this folder if it exists. */
export function configFile(given: string | undefined): string | undefined {
  if (given === undefined) return defaultFiles.find((file) => existsSync(file))
  if (!existsSync(given)) throw wrongUsage(`The configuration file '${given}' does not exist`)
  return given
}

/**
 * Loads a configuration file.
 * @throws CommandFailure if it cannot be loaded, exports no store, has a name that is not known, or something else by a name
 * that is known
 */
export async function loadConfig(file: string): Promise<Config> {
  const { createJiti } = await import('jiti')
  let exported: { default?: Partial<Config> } & Partial<Config>
  try {
    exported = await createJiti(import.meta.url, { interopDefault: false }).import(resolve(file))
  } catch (error) {
    throw new CommandFailure(
      `'${file}' could not be loaded: ${error instanceof Error ? error.message : error}`,
    )
  }
  const { store, deciders, projections, redact } = { ...exported.default, ...exported }
  if (typeof store?.readStream !== 'function') {
    throw new CommandFailure(
      `'${file}' exports no store. Write \`export const store = postgresStore(…)\`, or \`export default { store }\``,
    )
  }
  const unknown = namesOf(file, exported).find((name) => !knownNames.includes(name))
  if (unknown !== undefined) {
    throw new CommandFailure(
      `'${file}' exports '${unknown}', but only ${knownNames.join(', ')} mean something here`,
    )
  }
  const config = { store, deciders, projections, redact }
  for (const name of ['deciders', 'projections', 'redact'] as const) {
    const rule = config[name] === undefined ? undefined : brokenRule(name, config[name])
    if (rule !== undefined) throw new CommandFailure(`\`${name}\` of '${file}' ${rule}`)
  }
  return config
}

/**
 * The names that must be known, so that a misspelt `redact` shows no data. A module of the program, which `--config` may name
 * too, can export other things beside them.
 */
function namesOf(file: string, exported: { readonly default?: object }): readonly string[] {
  const isOwnFile = basename(file).startsWith('eventsourced.config.')
  const own = isOwnFile ? Object.keys(exported).filter((name) => name !== 'default') : []
  return [...own, ...Object.keys(exported.default ?? {})]
}
