/** Counts the units of a process, as AWS bills them. Dynoxide counts them like AWS. */
import type { Faults, Request } from '../worlds/faulty-client.ts'

export interface Units {
  writes: number
  /** The read units, without those of the log. */
  reads: number
  /** The read units of the log: its counter, its slots and its commits. */
  logReads: number
  /** How often the end of the log was looked at. */
  logLooks: number
  requests: number
}

const isRead = /^(Get|BatchGet|Query)/

/** Counts from now on, until the faults of the client are cleared or replaced. */
export function countUnits(faults: Faults): Units {
  const units: Units = { writes: 0, reads: 0, logReads: 0, logLooks: 0, requests: 0 }
  faults.before(({ input }) => {
    input.ReturnConsumedCapacity = 'TOTAL'
    return undefined
  })
  faults.changeAnswers((request, { ConsumedCapacity: consumed }) => {
    units.requests++
    const capacities = [consumed ?? []].flat() as { CapacityUnits?: number }[]
    const sum = capacities.reduce((all, { CapacityUnits = 0 }) => all + CapacityUnits, 0)
    if (!isRead.test(request.command)) units.writes += sum
    else if (isOfLog(request)) units.logReads += sum
    else units.reads += sum
    if (isRead.test(request.command) && isLook(request)) units.logLooks++
  })
  return units
}

function partitionOf({ input }: Request): string {
  const { Key, ExpressionAttributeValues: values } = input as {
    Key?: { p: { S: string } }
    ExpressionAttributeValues?: { ':p'?: { S: string } }
  }
  return Key?.p.S ?? values?.[':p']?.S ?? ''
}

const isLook = (request: Request) => /^C(#|$)/.test(partitionOf(request))

function isOfLog(request: Request): boolean {
  return (
    isLook(request) ||
    partitionOf(request).startsWith('L#') ||
    JSON.stringify(request.input).includes('_events"')
  )
}
