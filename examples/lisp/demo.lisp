; What a language does to its collector: numbers, closures, deep recursion, loops by tail calls, lists thrown away,
; structures that change and that contain themselves.

(define (show name value) (display name ": " value) (newline))

(define (fib n) (if (< n 2) n (+ (fib (- n 1)) (fib (- n 2)))))
(show "fib 15" (fib 15))

; A recursion as deep as the list is long: the stack grows in the heap.
(define (count-up n) (if (= n 0) 0 (+ 1 (count-up (- n 1)))))
(show "deep" (count-up 30000))

; A loop: a call in the last place leaves nothing on the stack.
(show "loop" (let loop ((i 0) (sum 0)) (if (= i 30000) sum (loop (+ i 1) (+ sum i)))))

(define (counter)
  (define n 0)
  (lambda () (set! n (+ n 1)) n))
(define one (counter))
(define other (counter))
(one) (one) (other)
(show "counters" (list (one) (other)))

(define (iota n) (let loop ((i n) (l '())) (if (= i 0) l (loop (- i 1) (cons i l)))))
(define (map f l) (if (null? l) '() (cons (f (car l)) (map f (cdr l)))))
(define (filter f l)
  (cond ((null? l) '())
        ((f (car l)) (cons (car l) (filter f (cdr l))))
        (else (filter f (cdr l)))))
(define (fold f z l) (if (null? l) z (fold f (f z (car l)) (cdr l))))
(define (append a b) (if (null? a) b (cons (car a) (append (cdr a) b))))
(define (sort l)
  (if (null? l) '()
      (let ((pivot (car l)))
        (append (sort (filter (lambda (x) (< x pivot)) (cdr l)))
                (cons pivot (sort (filter (lambda (x) (not (< x pivot))) (cdr l))))))))
(show "squares" (map (lambda (x) (* x x)) (iota 10)))
(show "sorted" (sort (map (lambda (x) (remainder (* x 37) 101)) (iota 20))))

; Garbage: forty lists of three hundred numbers, one of which is kept.
(define kept '())
(define (churn i)
  (if (= i 0) 'done
      (let ((l (map (lambda (x) (* x i)) (iota 300))))
        (if (= i 33) (set! kept l))
        (churn (- i 1)))))
(show "churn" (churn 40))
(show "kept" (fold + 0 kept))

; The queens on a board of six.
(define (safe? row dist placed)
  (cond ((null? placed) #t)
        ((= (car placed) row) #f)
        ((= (car placed) (+ row dist)) #f)
        ((= (car placed) (- row dist)) #f)
        (else (safe? row (+ dist 1) (cdr placed)))))
(define (queens n)
  (define (place col placed)
    (if (= col 0) 1
        (fold (lambda (sum row) (if (safe? row 1 placed) (+ sum (place (- col 1) (cons row placed))) sum)) 0 (iota n))))
  (place n '()))
(show "queens 6" (queens 6))

; A sieve in a vector.
(define (primes n)
  (define sieve (make-vector n #t))
  (define (strike i step) (if (< i n) (begin (vector-set! sieve i #f) (strike (+ i step) step))))
  (let loop ((i 2) (found '()))
    (cond ((= i n) found)
          ((vector-ref sieve i) (strike (* i i) i) (loop (+ i 1) (cons i found)))
          (else (loop (+ i 1) found)))))
(show "primes" (primes 50))

; A ring: reachable while it has a name, gone with it.
(define ring (list 1 2 3))
(set-cdr! (cdr (cdr ring)) ring)
(collect)
(show "ring" (list (car ring) (car (cdr (cdr (cdr (cdr ring)))))))
(set! ring '())
(collect)

(define (rest-of first . rest) rest)
(show "rest" (rest-of 1 2 "three" 'four))
(show "after the collections" (fold + 0 kept))
