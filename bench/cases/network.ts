/** The cases again, where each round trip to the server takes 2 ms longer. */
import type { Case } from '../case.ts'
import { appendCases } from './append.ts'
import { commandCases } from './command.ts'
import { readCases } from './read.ts'

export const networkCases: readonly Case[] = [...appendCases, ...readCases, ...commandCases].map((plain) => ({
  ...plain,
  name: `network-${plain.name}`,
  group: 'network',
  work: `${plain.name}, over the network`,
}))
