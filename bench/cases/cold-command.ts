/** A command on a stream that the process does not know, with snapshots: a long stream against short ones. */
import { isMissing } from '../../test/emulators/start.ts'
import type { Case, Group } from '../case.ts'
import {
  coldCommands,
  type OpenStore,
  openDynamodb,
  openPglite,
  openPostgres,
} from '../contestants/cold-commands.ts'

const [longLength, shortLength] = [20_000, 100]
// Each command adds an event, so that few short streams would soon be long ones.
const shortStreams = 20

export const coldCommandCases: readonly Case[] = [
  coldCommandCase('cold-command', 'command', openPostgres),
  coldCommandCase('cold-command-pglite', 'command', openPglite),
  {
    ...coldCommandCase('cold-command-dynamodb', 'dynamodb', openDynamodb),
    skipReason: () => isMissing('dynoxide'),
  },
]

function coldCommandCase(name: string, group: Group, open: OpenStore): Case {
  return {
    name,
    group,
    work: 'one caller, each command with a new handler that has snapshots: cost on a stream of 20,000 events, divided by the cost on streams of 100',
    unit: 'commands/s',
    better: 'lower',
    target: 1.5,
    ours: coldCommands(open, longLength, 1),
    peer: coldCommands(open, shortLength, shortStreams),
  }
}
