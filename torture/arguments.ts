/** What the campaign was asked to do. */
import { parseArgs } from 'node:util'
import { type EmulatorName, isMissing } from '../test/emulators/start.ts'
import { type Breakage, breakages } from './breakages.ts'
import type { CampaignOptions } from './campaign.ts'
import type { StoreName } from './databases.ts'
import { scenarios, scenariosOf } from './scenarios.ts'

const usage = `Usage: npm run torture -- --store STORE [options]

Lets processes append to a store and follow it, while they and the store are killed, cut off and held up; then checks
everything that was acknowledged, seen and delivered against what is there. Ends with 1 if anything is lost, duplicated,
out of order, skipped, stale or a phantom.

  --store STORE     postgres, pglite or dynamodb; each is started for the campaign, and removed
  --scenario NAME   what happens; --list names them. Default: all, or kill on PGlite
  --seconds N       how long it goes on. Default: 60
  --events N        ends it earlier, when so many events are appended
  --seed N          repeats what clients do, and what happens to them (not how it falls together)
  --writers N       processes that append. Default: 8
  --followers N     processes that follow the log. Default: 2
  --at-once N       operations that a writer has under way at a time. Default: 6
  --batch N         most events of an append. Default: 10
  --emulator NAME   dynoxide or dynamodb-local. Default: dynoxide
  --elle FILE       writes the history in the format of Elle (list-append), to be checked by others
  --break NAME      breaks the store on purpose, so that the campaign must end badly; only on postgres
  --list            names the scenarios and breakages
  --help            this text`

export function readArguments(given: readonly string[]): CampaignOptions {
  try {
    const { values } = parseArgs({
      args: [...given],
      options: {
        store: { type: 'string' },
        scenario: { type: 'string' },
        seconds: { type: 'string', default: '60' },
        events: { type: 'string' },
        seed: { type: 'string', default: String(Math.floor(Math.random() * 1_000_000)) },
        writers: { type: 'string', default: '8' },
        followers: { type: 'string', default: '2' },
        'at-once': { type: 'string', default: '6' },
        batch: { type: 'string', default: '10' },
        emulator: { type: 'string', default: 'dynoxide' },
        elle: { type: 'string' },
        break: { type: 'string' },
        list: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    })
    if (values.help) answer(usage)
    if (values.list) answer(list())
    const store = oneOf<StoreName>('--store', values.store, ['postgres', 'pglite', 'dynamodb'])
    const emulator = oneOf<EmulatorName>('--emulator', values.emulator, ['dynoxide', 'dynamodb-local'])
    const missing = store === 'dynamodb' ? isMissing(emulator) : undefined
    if (missing !== undefined) throw new Error(missing)
    const possible = scenariosOf(store)
    const wanted = values.scenario ?? (store === 'pglite' ? 'kill' : 'all')
    const name = oneOf(
      '--scenario',
      wanted,
      possible.map((one) => one.name),
    )
    const names = Object.keys(breakages) as Breakage[]
    const breakage = values.break === undefined ? undefined : oneOf<Breakage>('--break', values.break, names)
    if (breakage !== undefined && store !== 'postgres')
      throw new Error('--break is for --store postgres only')
    const batch = number('--batch', values.batch, 1)
    // An appendAll of three streams is one transaction, and its event ids are items.
    if (store === 'dynamodb' && batch > 30)
      throw new Error('--batch is 30 at most on dynamodb, whose transactions have 100 items')
    return {
      store,
      emulator,
      scenario: possible.find((one) => one.name === name) as CampaignOptions['scenario'],
      seconds: number('--seconds', values.seconds, 1),
      events: values.events === undefined ? undefined : number('--events', values.events, 1),
      seed: number('--seed', values.seed, 0),
      writers: number('--writers', values.writers, 1),
      followers: number('--followers', values.followers, 1),
      atOnce: number('--at-once', values['at-once'], 1),
      batch,
      patience: 600,
      elle: values.elle,
      breakage,
    }
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n`)
    process.exit(2)
  }
}

function oneOf<Name extends string>(option: string, given: string | undefined, names: readonly Name[]): Name {
  const name = names.find((one) => one === given)
  if (name !== undefined) return name
  throw new Error(
    `${option} must be one of ${names.join(', ')}${given === undefined ? '' : `, not '${given}'`}`,
  )
}

function number(option: string, text: string, least: number): number {
  const value = Number(text)
  if (/^\d{1,9}$/.test(text) && value >= least) return value
  throw new Error(`${option} needs a whole number from ${least} to 999999999, not '${text}'`)
}

function list(): string {
  const lines = scenarios.map(
    ({ name, about, stores }) => `${name.padEnd(28)}${about} (${stores.join(', ')})`,
  )
  return [...lines, ...Object.keys(breakages).map((name) => `--break ${name}`)].join('\n')
}

function answer(text: string): never {
  process.stdout.write(`${text}\n`)
  process.exit(0)
}
