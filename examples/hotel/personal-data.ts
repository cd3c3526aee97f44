/** Crypto-shredding: personal data is sealed with a key of the guest's own. Without the key, nobody can read it. */
import { createCipheriv, createDecipheriv, createHmac, randomBytes } from 'node:crypto'

/** Keeps the key of each guest, outside of the event store. A real one keeps them in a database or a key service. */
export class KeyVault {
  readonly #keys = new Map<string, Buffer>()

  /** Returns the key of a guest, and makes one for a new guest. */
  async keyFor(guestId: string): Promise<Buffer> {
    const key = this.#keys.get(guestId) ?? randomBytes(32)
    this.#keys.set(guestId, key)
    return key
  }

  async find(guestId: string): Promise<Buffer | undefined> {
    return this.#keys.get(guestId)
  }

  async destroy(guestId: string): Promise<void> {
    this.#keys.delete(guestId)
  }
}

export interface PersonalData {
  name: string
  email: string
}

/** Returns the same text for the same address, and lets nobody without the secret find the address. */
export function emailKey(email: string, secret: string): string {
  return createHmac('sha256', secret).update(email.trim().toLowerCase()).digest('hex')
}

export function seal(key: Buffer, data: PersonalData): string {
  const nonce = randomBytes(12)
  const cipher = createCipheriv('aes-256-gcm', key, nonce)
  const body = [cipher.update(JSON.stringify(data), 'utf8'), cipher.final()]
  return Buffer.concat([nonce, cipher.getAuthTag(), ...body]).toString('base64')
}

/** Returns `undefined` if the key is destroyed. */
export function unseal(key: Buffer | undefined, sealed: string): PersonalData | undefined {
  if (key === undefined) return undefined
  const bytes = Buffer.from(sealed, 'base64')
  const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, 12))
  decipher.setAuthTag(bytes.subarray(12, 28))
  return JSON.parse(Buffer.concat([decipher.update(bytes.subarray(28)), decipher.final()]).toString('utf8'))
}
