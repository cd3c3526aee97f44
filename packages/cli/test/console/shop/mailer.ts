/** The shop's mailer: a handler whose mail server refuses some addresses, until it is repaired. */
import type { RecordedEvent } from '@eventsourced/core'
import type { OrderEvent } from './model.ts'

class MailboxUnavailable extends Error {
  override readonly name = 'MailboxUnavailable'
}
class MailServerBusy extends Error {
  override readonly name = 'MailServerBusy'
}

export class Mailer {
  /** Whether every mail is accepted. */
  isRepaired = false
  /** The ids of the events whose mails were sent. */
  readonly sent = new Set<string>()

  readonly handle = (event: RecordedEvent<OrderEvent>): void => {
    if (event.type !== 'OrderPlaced' && event.type !== 'OrderCancelled') return
    this.#send(event.data.customer)
    this.sent.add(event.id)
  }

  #send({ name, email }: { readonly name: string; readonly email: string }): void {
    if (this.isRepaired) return
    if (email.endsWith('@closed.example')) {
      throw new MailboxUnavailable(`550 5.1.1 mailbox of ${name} unavailable`)
    }
    if (email.endsWith('@slow.example')) throw new MailServerBusy('421 4.3.2 slow.example is busy, try later')
  }
}
