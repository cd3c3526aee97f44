/** The version that the screen of a stream shows. It stands in the address, which follows a moment after the slider. */
import { useEffect, useRef, useState } from 'preact/hooks'
import { changeParams } from '../../route.ts'

export interface ShownVersion {
  readonly version: number
  /** No version is chosen, so the newest one is shown, also when the stream grows. */
  readonly isNewest: boolean
  /** `undefined`: the newest version. */
  readonly show: (version: number | undefined) => void
}

/** Browsers refuse to change the address many times a second. */
const pause = 250

/** `param`: the version in the address. */
export function useVersion(param: string | undefined, first: number, last: number): ShownVersion {
  const inAddress = param !== undefined && /^\d{1,15}$/.test(param) ? Number(param) : undefined
  const [chosen, setChosen] = useState(inAddress)
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined)
  useEffect(() => {
    clearTimeout(timer.current)
    setChosen(inAddress)
  }, [inAddress])
  useEffect(() => () => clearTimeout(timer.current), [])
  const show = (version: number | undefined) => {
    setChosen(version)
    clearTimeout(timer.current)
    timer.current = setTimeout(() => changeParams({ version }), pause)
  }
  const version = Math.max(first, Math.min(last, chosen ?? last))
  return { version, isNewest: chosen === undefined, show }
}
