/**
 * Limits how many requests a client has under way, so that a socket is free for the heartbeats of the process. A client
 * of the AWS SDK has 50 sockets, and queues all further requests. Without the limit, the reads of many subscriptions
 * would delay the heartbeats for longer than leases last, and all subscriptions would lose their leases, again and again.
 */
import { abortable } from '../../storage/index.ts'

/** `now`: heartbeats do not wait. `soon`: leases and checkpoints wait before other requests. */
export type Urgency = 'now' | 'soon' | 'in turn'

// The sockets of a client of the AWS SDK, unless its options say otherwise.
const usualSockets = 50
const shareOfSockets = 0.9

/** The part of a client of the AWS SDK that knows its sockets. */
interface ClientOfSdk {
  readonly config?: {
    readonly requestHandler?: {
      httpHandlerConfigs?(): { readonly httpAgent?: SdkAgent; readonly httpsAgent?: SdkAgent }
    }
  }
}

interface SdkAgent {
  readonly maxSockets?: number
}

export class RequestGate {
  readonly #client: ClientOfSdk
  #underWay = 0
  /** Each function lets a waiting request begin. */
  readonly #queues = { soon: new Set<() => void>(), 'in turn': new Set<() => void>() }

  constructor(client: object) {
    this.#client = client
  }

  /** Resolves when a request may begin. The caller must call `leave` when the request has ended. */
  async enter(urgency: Urgency, signal: AbortSignal | undefined): Promise<void> {
    if (urgency === 'now' || this.#underWay < this.#limit) {
      this.#underWay++
      return
    }
    const queue = this.#queues[urgency]
    let begin = () => {}
    const begun = new Promise<void>((resolve) => {
      begin = resolve
    })
    queue.add(begin)
    try {
      await abortable(begun, signal)
    } catch (error) {
      // Both may happen at the same time: the request may begin, and the signal is aborted.
      if (!queue.delete(begin)) this.leave()
      throw error
    }
  }

  leave(): void {
    this.#underWay--
    const limit = this.#limit
    for (const queue of [this.#queues.soon, this.#queues['in turn']]) {
      for (const begin of queue) {
        if (this.#underWay >= limit) return
        this.#underWay++
        queue.delete(begin)
        begin()
      }
    }
  }

  get #limit(): number {
    // Before its first request, a client does not say how many sockets it has.
    const { httpAgent, httpsAgent } = this.#client.config?.requestHandler?.httpHandlerConfigs?.() ?? {}
    const sockets = [httpAgent?.maxSockets, httpsAgent?.maxSockets].filter((known) => known !== undefined)
    return Math.max(
      1,
      Math.floor(shareOfSockets * (sockets.length > 0 ? Math.min(...sockets) : usualSockets)),
    )
  }
}

const gates = new WeakMap<object, RequestGate>()

/** Returns the gate of a client. All stores that use the client share it. */
export function gateOf(client: object): RequestGate {
  const gate = gates.get(client) ?? new RequestGate(client)
  gates.set(client, gate)
  return gate
}
