/** Every screen of the console, with what the shop has to show on it. */
import { hostileStream, largeStream, longStream, mailerName } from '../shop.ts'

export interface ShownScreen {
  readonly name: string
  /** The hash of its address. */
  readonly address: string
}

/** `positions`: of an event of the shop, and of one that the mailer has parked. */
export function screens({
  event,
  parked,
}: {
  readonly event: number
  readonly parked: number
}): ShownScreen[] {
  const id = encodeURIComponent
  return Object.entries({
    overview: '#/overview',
    streams: '#/streams',
    'largest streams': '#/streams?order=largest',
    'no streams': '#/streams?prefix=nothing-begins-so',
    stream: '#/stream?id=order-1031&version=3&decider=order',
    'a long stream': `#/stream?id=${longStream}&order=oldest`,
    'a hostile stream': `#/stream?id=${id(hostileStream)}`,
    'a large event': `#/stream?id=${largeStream}`,
    'a stream that does not exist': '#/stream?id=nothing',
    event: `#/event?position=${event}`,
    trace: `#/trace?correlation=checkout-1031&around=${event}`,
    'no trace': '#/trace',
    tail: '#/tail',
    subscriptions: '#/subscriptions',
    subscription: `#/subscription?name=${mailerName}`,
    'parked events': `#/parked?subscription=${mailerName}`,
    'a parked event': `#/parked?subscription=${mailerName}&position=${parked}`,
    projections: '#/projections',
    documents: '#/documents?projection=customers',
    document: '#/document?projection=customers&key=customer-01',
    audit: '#/audit',
    'no such screen': '#/nothing',
  }).map(([name, address]) => ({ name, address }))
}
