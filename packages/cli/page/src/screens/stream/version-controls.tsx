/** The slider over the versions of a stream, and its buttons: steps, and play, which steps by itself. */
import { useEffect, useId, useState } from 'preact/hooks'
import { digits } from '../../parts/number.ts'

interface VersionControlsProps {
  readonly version: number
  readonly first: number
  readonly last: number
  /** The version before has been read, so play may take the next step. */
  readonly isReady: boolean
  /** `undefined`: the newest version. */
  readonly show: (version: number | undefined) => void
}

const stepTime = 700

export function VersionControls({ version, first, last, isReady, show }: VersionControlsProps) {
  const [isPlaying, setIsPlaying] = useState(false)
  const id = useId()
  useEffect(() => {
    if (!isPlaying || !isReady) return
    if (version >= last) {
      setIsPlaying(false)
      return
    }
    const timer = setTimeout(() => show(version + 1), stepTime)
    return () => clearTimeout(timer)
  }, [isPlaying, isReady, version, last])
  const step = (to: number) => {
    setIsPlaying(false)
    if (to >= first && to <= last) show(to)
  }
  const play = () => {
    if (!isPlaying && version === last) show(first)
    setIsPlaying(!isPlaying)
  }
  return (
    <div class="slider">
      <label for={id}>Version</label>
      <input
        id={id}
        type="range"
        min={first}
        max={last}
        step={1}
        value={version}
        aria-valuetext={`${digits(version)} of ${digits(last)}`}
        onInput={({ currentTarget }) => step(Number(currentTarget.value))}
      />
      <div class="steps">
        <StepButton label="First version" sign="«" isAtEnd={version <= first} act={() => step(first)} />
        <StepButton label="Step back" sign="‹" isAtEnd={version <= first} act={() => step(version - 1)} />
        <button type="button" class="play" onClick={play}>
          {isPlaying ? 'Pause' : 'Play'}
        </button>
        <StepButton label="Step forward" sign="›" isAtEnd={version >= last} act={() => step(version + 1)} />
        <StepButton label="Last version" sign="»" isAtEnd={version >= last} act={() => step(last)} />
      </div>
      <output for={id}>
        <b>{digits(version)}</b> of {digits(last)}
      </output>
    </div>
  )
}

interface StepButtonProps {
  readonly label: string
  readonly sign: string
  readonly isAtEnd: boolean
  readonly act: () => void
}

/** At the end it keeps the focus, which a disabled button would lose. */
function StepButton({ label, sign, isAtEnd, act }: StepButtonProps) {
  return (
    <button type="button" aria-label={label} title={label} aria-disabled={isAtEnd} onClick={act}>
      {sign}
    </button>
  )
}
