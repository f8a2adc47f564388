/* Putting a signed command together from chunks (docs/chunk.md, package chunk) and accepting
   it (docs/wire-v2.md), scaled down: a message of COUNT chunks, two variants of a
   position, BUDGET combinations for 64. A second message has the same sender and
   token. The link drops, repeats, reorders and delays chunks; an attacker adds forged ones
   under the digest it has seen; the receiver may forget what it holds at any time.

   Shown: what is accepted is genuine, whole and accepted once; and a message whose chunks
   have all arrived has been put together, unless the attacker exceeded the
   bounds, which leaves it incomplete and never gets anything accepted.

   Run:  spin -a reassembly.pml && gcc -O2 -DSAFETY -o pan pan.c && ./pan -m100000
   With one of these defined (spin -DNAME -a ...) the receiver is broken, and SPIN finds it:

   FIRST_WINS    one variant of a position is kept, the first
   LAST_WINS     one variant of a position is kept, the latest
   NO_HASH       the first combination is taken without a look at the digest
   NO_DIGEST     chunks of different messages are told apart by their token alone
   TRIED_ONCE    what comes after a first attempt is not tried
   COUNTS        the message counts as whole when there are as many chunks as it has
   NO_SIGNATURE  what fits its digest is obeyed, which an attacker's own message does, too
   NO_NONCE      the receiver does not remember which nonces it has accepted */

#define COUNT  3
#define BUDGET 4    /* enough for forged variants of two positions, not of three */

/* What a chunk says: nothing, the truth, or one of two lies. With NO_DIGEST, a chunk of the
   other message is one more lie. */
#define NONE    0
#define GENUINE 1

typedef assembly {
	byte first[COUNT];
	byte second[COUNT];
	byte budget;
	bool whole;
	bool tried;
	/* What has arrived, for the claims. */
	bool came[COUNT];
	bool lied[COUNT];
	bool exceeded;
	bool got            /* the truth was put together */
}

assembly a;
bool accepted;      /* by the receiver, in its session */

inline forget() {
	p = 0;
	do
	:: p < COUNT ->
		a.first[p] = NONE; a.second[p] = NONE;
		a.came[p] = false; a.lied[p] = false;
		p++
	:: else -> break
	od;
	a.budget = BUDGET; a.whole = false; a.tried = false; a.exceeded = false; a.got = false
}

#ifdef NO_SIGNATURE
#define signed(x) true
#else
#define signed(x) (x)
#endif
#ifdef NO_NONCE
#define new_nonce true
#else
#define new_nonce (!accepted)
#endif

/* accept is what happens to a message put together: its signature and its nonce. */
inline accept(genuine) {
	a.whole = true;
	a.got = genuine;
	if
	:: signed(genuine) && new_nonce ->
		assert(genuine && a.came[0] && a.came[1] && a.came[2] && !accepted);
		accepted = true
	:: else
	fi
}

/* held is how many variants of position x are kept. */
#define held(x) ((a.first[x] != NONE) + (a.second[x] != NONE))
#define true_at(x) (a.first[x] == GENUINE || a.second[x] == GENUINE)

#ifdef TRIED_ONCE
#define may_try (!a.tried)
#else
#define may_try true
#endif

inline add(pos, says) {
	new = false;
	if
	:: a.whole || a.budget == 0 || a.first[pos] == says || a.second[pos] == says
	:: else ->
#ifdef LAST_WINS
		a.first[pos] = says; new = true
#else
		if
		:: a.first[pos] == NONE -> a.first[pos] = says; new = true
#ifndef FIRST_WINS
		:: a.first[pos] != NONE && a.second[pos] == NONE -> a.second[pos] = says; new = true
#endif
		:: else
		fi
#endif
	fi;
#ifdef COUNTS
	if
	:: new && held(0) + held(1) + held(2) == COUNT ->
		assert(held(0) && held(1) && held(2));
		accept(true_at(0) && true_at(1) && true_at(2))
	:: else
	fi;
	new = false;
#endif
	if
	:: new && held(0) && held(1) && held(2) && may_try ->
		a.tried = true;
#ifdef NO_HASH
		accept(a.first[0] == GENUINE && a.first[1] == GENUINE && a.first[2] == GENUINE)
#else
		/* Combinations with the new chunk; that all of them or as many as the budget
		   allows are tried decides whether the true one must be or may be among them. */
		n = 1;
		p = 0;
		do
		:: p < COUNT && p != pos -> n = n * held(p); p++
		:: p == pos -> p++
		:: else -> break
		od;
		if
		:: says == GENUINE && true_at(0) && true_at(1) && true_at(2) && n <= a.budget ->
			a.budget = a.budget - n;
			accept(true)
		:: says == GENUINE && true_at(0) && true_at(1) && true_at(2) && n > a.budget ->
			a.budget = 0;
			if
			:: accept(true)
			:: skip
			fi
		:: else ->
			a.budget = (n > a.budget -> 0 : a.budget - n)
		fi
#endif
	:: else
	fi
}

active proctype receiver() {
	byte pos, says, p, n;
	bool new, twice;
	atomic { forget(); }
	do
	:: atomic {
		select(pos : 0 .. COUNT - 1);
#ifdef NO_DIGEST
		select(says : GENUINE .. 4)
#else
		select(says : GENUINE .. 3)
#endif
		if
		:: says == GENUINE -> a.came[pos] = true
		:: says == 4
		:: says == 2 || says == 3 ->
			/* A position with both lies, or more positions than the budget is for. */
			twice = a.first[pos] != says && a.second[pos] != says && a.lied[pos];
			a.lied[pos] = true;
			a.exceeded = a.exceeded || twice || (a.lied[0] && a.lied[1] && a.lied[2])
		fi;
		add(pos, says);
		assert(!(a.came[0] && a.came[1] && a.came[2]) || a.exceeded || a.got);
		pos = 0; says = 0; p = 0; n = 0; new = false; twice = false
	   }
	:: atomic { forget(); p = 0 }
	:: d_step { /* a message of the attacker's own, whole, under its own digest */
		if
		:: signed(false) && new_nonce -> assert(false)
		:: else
		fi
	   }
	od
}
