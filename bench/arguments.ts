/** Reads the command line of the benchmark. */
import { parseArgs } from 'node:util'
import type { Case } from './case.ts'

const usage = `Usage: npm run bench -- [options]

Compares this library with others, and with the most that the database itself can do, on a real
Postgres and on an emulator of DynamoDB.

  --case PREFIX  only the cases whose names begin with PREFIX; may be repeated
  --quick        fewer and shorter rounds, and less data
  --rounds N     the number of measured rounds, after one round that warms up
  --json FILE    writes the figures to a file
  --plots        draws the figures of this run: bench/plots/*.svg
  --record       writes the figures of this run into bench/README.md, and replaces those of the same groups
  --check        exits with 1 if a case misses its target
  --list         lists the cases, and what each one does
  --help         this text

EVENTSOURCED_BENCH_POSTGRES_URL   the server to use, instead of starting one; its user must be able to create databases
EVENTSOURCED_BENCH_LOG            the event log that import-real reads: JSON Lines, gzipped`

export interface Arguments {
  readonly cases: readonly Case[]
  readonly quick: boolean
  readonly rounds: number | undefined
  readonly json: string | undefined
  readonly plots: boolean
  readonly record: boolean
  readonly check: boolean
}

/** Reads the arguments. Ends the process with code 0 after `--help` or `--list`, and with 2 if an argument is wrong. */
export function readArguments(given: readonly string[], all: readonly Case[]): Arguments {
  try {
    const { values } = parseArgs({
      args: [...given],
      options: {
        case: { type: 'string', multiple: true, default: [''] },
        quick: { type: 'boolean', default: false },
        rounds: { type: 'string' },
        json: { type: 'string' },
        plots: { type: 'boolean', default: false },
        record: { type: 'boolean', default: false },
        check: { type: 'boolean', default: false },
        list: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    })
    if (values.help) answer(usage)
    const cases = chosenCases(values.case, all)
    if (values.list) answer(cases.map(({ name, work }) => `${name.padEnd(32)}${work}`).join('\n'))
    if (values.json === '') throw new Error('--json needs the name of a file')
    const rounds = values.rounds === undefined ? undefined : readRounds(values.rounds)
    return { ...values, cases, rounds, json: values.json }
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n`)
    process.exit(2)
  }
}

function chosenCases(prefixes: readonly string[], all: readonly Case[]): Case[] {
  for (const prefix of prefixes) {
    if (!all.some(({ name }) => name.startsWith(prefix))) {
      throw new Error(`No case begins with '${prefix}': --list names them`)
    }
  }
  return all.filter(({ name }) => prefixes.some((prefix) => name.startsWith(prefix)))
}

function readRounds(text: string): number {
  if (!/^[1-9]\d{0,2}$/.test(text)) throw new Error(`--rounds needs a number from 1 to 999, not '${text}'`)
  return Number(text)
}

function answer(text: string): never {
  process.stdout.write(`${text}\n`)
  process.exit(0)
}
