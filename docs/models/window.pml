/* The sliding window over packet numbers (nonce.Window), scaled down: W for 1,024, words of
   WORD bits for 64, LAST for 2^64 - 1. Two receivers share one window, as goroutines do.
   The link delivers any number at any time and as often as it likes, which is what dropping,
   repeating, reordering and delaying amount to, and packets with a wrong tag as well.

   Shown: no number is accepted twice; a genuine one that is not older than the W newest is
   accepted the first time it arrives; zero and packets with a wrong tag never are.

   Run:  spin -a window.pml && gcc -O2 -DSAFETY -o pan pan.c && ./pan -m100000
   With one of these defined (spin -DNAME -a ...) the window is broken, and SPIN finds it:

   STRICT    only rising numbers are accepted, as in CleitonQ
   KEEPS     moving the window does not clear the words it moves over
   FORGETS   moving the window clears all of it
   SHORT     the ring has no word to spare
   UNMARKED  a late number is accepted and not noted down
   WRAPS     the comparison overflows at the end of the numbers
   EARLY     the number is noted down before the tag is checked
   RACES     looking and noting down are two steps */

#define W     4
#define WORD  2
#define LAST  8
#ifdef SHORT
#define WORDS (W / WORD)
#else
#define WORDS (W / WORD + 1)
#endif
#define at(n) ((n) % (WORD * WORDS)) /* bit n % WORD of word n / WORD % WORDS */

byte top;                 /* the greatest number accepted */
bool seen[WORD * WORDS];
bool accepted[LAST + 1];  /* what the receivers told their callers */
bool busy;

#ifdef WRAPS
#define within(n) ((n + W) % (LAST + 1) > top)
#else
#define within(n) (top - n < W)
#endif

#ifdef STRICT
#define fresh(n) (n > top)
#else
#define fresh(n) (n > top || (n > 0 && within(n) && !seen[at(n)]))
#endif

inline note(n) {
	if
	:: n > top ->
#ifndef KEEPS
		i = 0;
		do
#ifdef FORGETS
		:: i < WORD * WORDS -> seen[i] = false; i++
#else
		:: i < WORD * WORDS && top / WORD + 1 + i / WORD <= n / WORD ->
			seen[at((top / WORD + 1) * WORD + i)] = false;
			i++
#endif
		:: else -> break
		od;
#endif
		top = n;
		seen[at(n)] = true
	:: else ->
#ifndef UNMARKED
		seen[at(n)] = true
#else
		skip
#endif
	fi
}

active [2] proctype receiver() {
	byte n, i;
	bool genuine, ok;
	do
	:: atomic {
		select(n : 0 .. LAST);
		if
		:: genuine = true
		:: genuine = false
		fi
	   }
#ifndef RACES
	   atomic { !busy -> busy = true }
#endif
	   ok = fresh(n);
	   d_step {
#ifdef EARLY
		if
		:: ok -> note(n)
		:: else
		fi;
#endif
		ok = ok && genuine;
#ifndef EARLY
		if
		:: ok -> note(n)
		:: else
		fi;
#endif
#ifndef RACES
		assert(ok || !genuine || n == 0 || accepted[n] || top - n >= W)
#endif
	   }
	   d_step {
		if
		:: ok ->
			assert(n != 0 && !accepted[n]);
			accepted[n] = true
		:: else
		fi;
		busy = false;
		n = 0; i = 0; genuine = false; ok = false
	   }
	od
}
