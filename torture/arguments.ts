/** Reads the command line of a campaign. */
import { parseArgs } from 'node:util'
import { type EmulatorName, isMissing } from '../test/emulators/start.ts'
import { type Breakage, breakages } from './breakages.ts'
import type { CampaignOptions } from './campaign.ts'
import type { StoreName } from './databases.ts'
import { scenarios, scenariosOf } from './scenarios.ts'
import { subscriptionsOfEachCampaign } from './shard-subscriptions.ts'

const usage = `Usage: npm run torture -- --store STORE [options]

Lets processes append to a store and follow its log, while faults kill, cut off and delay them and the store. Then
compares everything that was acknowledged, read and delivered with the contents of the store. Exits with 1 if anything
is lost, duplicated, out of order, skipped, stale or a phantom.

  --store STORE     postgres, pglite or dynamodb; the campaign starts the database, and removes it
  --scenario NAME   the faults that happen; --list names the scenarios. Default: all, and kill on PGlite
  --seconds N       how long clients write. Default: 60
  --events N        ends the writing earlier, as soon as so many events are appended
  --seed N          repeats the operations of the clients and the faults (but not their exact timing)
  --writers N       processes that append. Default: 8
  --followers N     processes that follow the log. Default: 2
  --subscriptions N subscriptions of each follower, two of them projections. Default: 3, and 15 for change
  --at-once N       concurrent operations of each writer. Default: 6
  --batch N         the largest number of events in an append. Default: 10
  --emulator NAME   dynoxide or dynamodb-local. Default: dynoxide
  --elle FILE       writes the history in the format of the checker Elle (list-append)
  --break NAME      breaks the store on purpose, so that the campaign must find faults; only on postgres
  --list            lists the scenarios and the breakages
  --help            this text`

/** Reads the arguments. Ends the process with code 0 after `--help` or `--list`, and with 2 if an argument is wrong. */
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
        subscriptions: { type: 'string' },
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
    // An appendAll of three streams is one transaction, and each of its event ids is an item of it.
    if (store === 'dynamodb' && batch > 30)
      throw new Error('--batch is 30 at most on dynamodb, whose transactions have 100 items')
    const scenario = possible.find((one) => one.name === name) as CampaignOptions['scenario']
    const subscriptions =
      values.subscriptions ?? String(scenario.subscriptions ?? subscriptionsOfEachCampaign)
    return {
      store,
      emulator,
      scenario,
      seconds: number('--seconds', values.seconds, 1),
      events: values.events === undefined ? undefined : number('--events', values.events, 1),
      seed: number('--seed', values.seed, 0),
      writers: number('--writers', values.writers, 1),
      followers: number('--followers', values.followers, 1),
      subscriptions: number('--subscriptions', subscriptions, subscriptionsOfEachCampaign),
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
