/** Every case, in the order in which they run. */
import type { Case } from '../case.ts'
import { appendCases } from './append.ts'
import { commandCases } from './command.ts'
import { networkCases } from './network.ts'
import { readCases } from './read.ts'

export const allCases: readonly Case[] = [...appendCases, ...readCases, ...commandCases, ...networkCases]
