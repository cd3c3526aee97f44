/** Every case, in the order in which they run. */
import type { Case } from '../case.ts'
import { appendCases } from './append.ts'
import { appendLimitCases } from './append-limit.ts'
import { catalogueCases } from './catalogue.ts'
import { coldCommandCases } from './cold-command.ts'
import { commandCases } from './command.ts'
import { dynamodbCases } from './dynamodb.ts'
import { growthCases } from './growth.ts'
import { importCases } from './import.ts'
import { overNetwork } from './network.ts'
import { observeCases } from './observe.ts'
import { projectionCases } from './projection.ts'
import { readCases } from './read.ts'
import { rebuildCases } from './rebuild.ts'

const networkCases = [...appendCases, ...appendLimitCases, ...readCases, ...commandCases].map(overNetwork)

export const allCases: readonly Case[] = [
  ...appendCases,
  ...appendLimitCases,
  ...readCases,
  ...commandCases,
  ...coldCommandCases,
  ...importCases,
  ...projectionCases,
  ...rebuildCases,
  ...catalogueCases,
  ...observeCases,
  ...growthCases,
  ...networkCases,
  ...dynamodbCases,
]
