/* The pin and retire protocol of broker/registry on a machine whose stores are delayed.
 *
 * Two threads call a callback through handles that others release, unregister and register anew in the same
 * slots, while the reaper frees slots and runs release functions. README.md says which lines of C++ each part
 * stands for, and what is left out.
 *
 * Claims, each an assertion; -DONLY=N looks at that of RN alone
 *   R1  a slot goes to a new handle only when no call is left that came through the old one
 *   R3  a release function runs once
 *   R5  it runs when no call is in flight
 *   R6  what can be released and freed is: no reaper sleeps through the end of a call
 *
 * -DPORTABLE has no heavy fence and sequentially consistent callers; it must hold as well. Deliberate faults:
 *   -DNO_FENCE           the reaper scans without a heavy fence
 *   -DNO_CHECK_ON_ENTRY  a call reads the key before it publishes its hazard, not after
 *   -DNO_CHECK_ON_EXIT   the end of a call does not ask whether somebody waits for it
 *   -DLATE_ANNOUNCE      the reaper says that it waits after the scan, not before the fence
 *   -DSLEEP_UNASKED      the reaper sleeps after a round in vain, whatever was retired during it
 */

#ifndef SLOTS
#define SLOTS 1
#endif
#ifndef CALLS
#define CALLS 2 /* that each thread makes */
#endif
#define THREADS 2
#define BUFFERED (2 * CALLS) /* all that a thread stores: no call waits because the buffer is full */

/* Handles are 1 .. HANDLES: first one for each slot, all to callback 0; then one for each slot again, to a
 * callback of its own. */
#ifndef GENERATIONS
#define GENERATIONS 2
#endif
#define HANDLES (GENERATIONS * SLOTS)
#define CALLBACKS (1 + SLOTS)
#define SLOT(h) (((h) - 1) % SLOTS)
#define CALLBACK(h) ((h) <= SLOTS -> 0 : (h) - SLOTS)
/* A slot's key: the handle, this when calls must not begin without further checks, or 0 when retired. */
#define SLOW(h) ((h) + HANDLES)
#define HAS(set, i) (((set) >> (i)) & 1)
#define BIT(i) (1 << (i))

/* Memory, as every processor sees it. */
byte key[SLOTS];
byte hazard[THREADS];
bit waiting_reapers;
bit poked; /* the epoch has moved on since the reaper read it */

/* What threads have stored and memory has not seen: first in, first out. Only hazards are stored without a
 * fence. */
chan buffer[THREADS] = [BUFFERED] of { byte };
byte to_fence; /* set of threads that membarrier has yet to reach */

/* Guarded by mutexes. */
byte holds[SLOTS];                        /* the handle that the slot is, live or retired; 0: free */
byte handles[CALLBACKS];                  /* live ones */
byte retired, fenced;                     /* sets of slots */
byte draining, draining_fenced, released; /* sets of callbacks */
bit asleep;                               /* the reaper sleeps until poked */

/* The number shows in the message of an assertion that fails. */
#ifdef ONLY
#define CLAIM(invariant, condition) assert(invariant && (invariant != ONLY || (condition)))
#else
#define CLAIM(invariant, condition) assert(invariant && (condition))
#endif

#define WORK (retired | fenced | draining)
#define LIVE(c) (!HAS(draining | released, c))

proctype Memory() {
  byte t = 0;
end:
  do
  /* Delays stores for as long as it likes. */
  :: buffer[0] ? hazard[0]
  :: buffer[1] ? hazard[1]
  /* A thread that was asked for a fence executes it, at some point between two of its instructions. */
  :: d_step {
       to_fence != 0 ->
       t = (HAS(to_fence, 0) -> 0 : 1);
       do
       :: nempty(buffer[t]) -> buffer[t] ? hazard[t]
       :: empty(buffer[t]) -> break
       od;
       to_fence = to_fence & ~BIT(t);
       t = 0
     }
  od
}

/* Registry::Release, RetireHandle and BeginDrain, under the registry's mutex. */
inline Retire(h) {
  key[SLOT(h)] = 0;
  retired = retired | BIT(SLOT(h));
  handles[CALLBACK(h)]--;
  if
  :: handles[CALLBACK(h)] == 0 && LIVE(CALLBACK(h)) -> draining = draining | BIT(CALLBACK(h))
  :: else
  fi
}

/* CallPin::EnterAgain, the call, CallPin::Leave. */
proctype Caller(byte t) {
  byte calls = 0;
  byte h = 0;
  do
  :: atomic { calls < CALLS -> calls++; select(h : 1 .. HANDLES) };
#ifdef NO_CHECK_ON_ENTRY /* but before, which is too early */
     if
     :: key[SLOT(h)] == h
     :: else -> goto over
     fi;
#endif
#ifdef PORTABLE
     hazard[t] = h;
#else
     buffer[t] ! h;
#endif
#ifndef NO_CHECK_ON_ENTRY
     if
     :: key[SLOT(h)] == h
     :: else -> goto withdraw
     fi;
#endif
     /* In the call. It may release its own handle, and need not ever return. */
     atomic {
       CLAIM(1, holds[SLOT(h)] == h);
       CLAIM(5, !HAS(released, CALLBACK(h)));
       if
       :: key[SLOT(h)] != 0 && empty(buffer[t]) -> /* a mutex is a fence */
          Retire(h);
          poked = poked | asleep;
          asleep = 0
       :: true
       fi
     };
     if
     :: true
     :: true ->
end_inside:
        false
     fi;
     atomic {
       CLAIM(1, holds[SLOT(h)] == h);
       CLAIM(5, !HAS(released, CALLBACK(h)));
       buffer[t] ! 0
     };
#ifdef NO_CHECK_ON_EXIT
     goto over;
#endif
#ifndef PORTABLE
     if /* Leave: the one look that most calls take */
     :: !waiting_reapers -> goto over
     :: else
     fi;
     if /* ExitSlow: somebody waits, but for this handle? */
     :: key[SLOT(h)] == h -> goto over
     :: else
     fi;
     goto awaited;
#endif
withdraw:
     atomic { empty(buffer[t]) -> hazard[t] = 0 }; /* sequentially consistent: a fence */
awaited:
     if
     :: waiting_reapers -> poked = 1
     :: else
     fi;
over:
     h = 0
  :: calls == CALLS -> break
  od
}

/* Registry::TakeWakeUp, under the mutex, and the poke after it. */
inline TakeWakeUp() {
  wake = asleep;
  asleep = 0
}
inline PokeIfTaken() {
  if
  :: wake ->
     wake = 0;
     poked = 1
  :: else
  fi
}

/* What other threads do to a slot's handles, in any order and until any point. */
proctype Changer(byte s) {
  byte i = 0;
  bit wake = 0;
end:
  do
  :: atomic {
       key[s] != 0 ->
       Retire(holds[s]);
       TakeWakeUp()
     };
     PokeIfTaken()
  :: atomic { /* register anew, once the first handle is freed */
       holds[s] == 0 && GENERATIONS == 2 ->
       holds[s] = s + 1 + SLOTS;
       handles[CALLBACK(holds[s])] = 1;
       key[s] = holds[s]
     }
  :: atomic { /* Registry::Unregister: BeginDrain; through one handle or another is the same */
       s == 0 && key[s] != 0 && LIVE(CALLBACK(holds[s])) ->
       draining = draining | BIT(CALLBACK(holds[s]));
       for (i : 0 .. SLOTS - 1) {
         if
         :: key[i] != 0 && CALLBACK(holds[i]) == CALLBACK(holds[s]) -> key[i] = SLOW(holds[i])
         :: else
         fi
       }
       i = 0;
       TakeWakeUp()
     };
     PokeIfTaken()
  :: break
  od
}

/* HandleTable::Scan: what a hazard refers to stays, unless it is no handle in use. */
inline See(h) {
  d_step {
    if
    :: h != 0 && holds[SLOT(h)] == h ->
       marked_slots = marked_slots | BIT(SLOT(h));
       marked_callbacks = marked_callbacks | BIT(CALLBACK(h))
    :: else
    fi
  }
}

/* Registry::Reap. */
proctype Reaper() {
  byte marked_slots = 0;
  byte marked_callbacks = 0;
  byte i = 0;
  bit awake = 0;
round:
  poked = 0; /* reads the epoch before it looks for work */
  atomic {
    if
    :: WORK == 0 ->
       asleep = 1;
       goto idle
    :: else
    fi
  };
#ifndef LATE_ANNOUNCE
  waiting_reapers = 1;
#endif
  d_step {
    fenced = fenced | retired;
    retired = 0;
    draining_fenced = draining
  };
#if !defined(NO_FENCE) && !defined(PORTABLE)
  to_fence = BIT(0) | BIT(1);
  to_fence == 0;
#endif
  See(hazard[0]);
  See(hazard[1]);
  d_step { /* ReleaseDrained and FreeRetired */
#ifndef SLEEP_UNASKED
    awake = (retired != 0 || (draining & ~draining_fenced) != 0); /* what came after the fence */
#endif
    draining_fenced = draining_fenced & ~marked_callbacks;
    awake = (awake || draining_fenced != 0 || (fenced & ~marked_slots) != 0);
    asleep = !awake;
    CLAIM(3, (draining_fenced & released) == 0);
    released = released | draining_fenced;
    draining = draining & ~draining_fenced;
    for (i : 0 .. SLOTS - 1) {
      if
      :: HAS(fenced & ~marked_slots, i) -> holds[i] = (holds[i] <= SLOTS -> 0 : 255)
      :: else
      fi
    }
    fenced = fenced & marked_slots;
    draining_fenced = 0;
    marked_slots = 0;
    marked_callbacks = 0;
    i = 0
  };
#ifdef LATE_ANNOUNCE
  waiting_reapers = 1;
#endif
  if
  :: awake -> awake = 0
  :: else ->
end_awaiting: /* R6 looks at who stays here */
     poked
  fi;
  waiting_reapers = 0;
  goto round;
idle:
end_idle:
  poked;
  goto round
}

/* Takes what a hazard keeps off the work that is left. */
inline Unhold(h) {
  if
  :: h != 0 && holds[SLOT(h)] == h ->
     retired = retired & ~BIT(SLOT(h));
     fenced = fenced & ~BIT(SLOT(h));
     draining = draining & ~BIT(CALLBACK(h))
  :: else
  fi
}

init {
  byte i = 0;
  atomic {
    for (i : 0 .. SLOTS - 1) {
      holds[i] = i + 1;
      key[i] = i + 1;
      run Changer(i)
    }
    i = 0;
    handles[0] = SLOTS;
    run Memory();
    run Reaper();
    run Caller(0);
    run Caller(1);
  }
  /* When nothing can move any more, only calls that never return hold what is left. */
  timeout ->
  atomic {
    Unhold(hazard[0]);
    Unhold(hazard[1]);
    CLAIM(6, WORK == 0)
  }
}
