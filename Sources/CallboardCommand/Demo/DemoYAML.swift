// Made from config/demo.yaml by config/embed-demo.sh; a test proves that the two are equal.

/// The configuration of the demo, carried along so that it needs no file.
let demoYAML = #"""
  # The living example behind `callboard demo`: seven agents of a real estate office, and the functions they ask for.
  #
  # callboard carries a copy of this file, so the demo needs no file, no key and no network. The providers of type `demo`
  # are a small made-up property market inside callboard; everything else here works the same with http and program.
  name: realestate

  providers:
    properties:
      type: demo
      functions:
        - name: search
          description: Finds homes for sale in a town, cheapest first.
          effect: read
          timeout: 10s
          cache: { ttl: 25s, scope: shared }
          parameters:
            type: object
            additionalProperties: false
            required: [town, max_price]
            properties:
              town: { type: string, minLength: 2, description: "Town or district, such as Mitte or Austin." }
              max_price: { type: integer, minimum: 10000, description: "In the currency of the town." }
              min_rooms: { type: integer, minimum: 1, maximum: 12, default: 1 }
        - name: validate
          description: Looks a property up in the land register.
          effect: read
          timeout: 5s
          cache: { ttl: 2m, scope: shared }
          parameters:
            type: object
            additionalProperties: false
            required: [property]
            properties:
              property: { type: string, pattern: "^[A-Z ]{3}-[0-9]{4}$", description: "The id that a search gave." }
    market:
      type: demo
      functions:
        - name: analyse
          description: Says where prices in a town are going. Slow, and its feed is down now and then.
          effect: read
          timeout: 6s
          slots: 4
          cache: { ttl: 20s, scope: shared }
          retry: { attempts: 3, base: 600ms, cap: 4s }
          breaker: { failures: 4, open: 12s }
          fallback: { stale: true }
          parameters:
            type: object
            additionalProperties: false
            required: [town]
            properties:
              town: { type: string, minLength: 2 }
              months: { type: integer, minimum: 1, maximum: 120, default: 12 }
    compliance:
      type: demo
      functions:
        - name: check
          description: Checks a buyer against the lists a house seller has to ask.
          effect: read
          timeout: 5s
          retry: { attempts: 3, base: 500ms }
          parameters:
            type: object
            additionalProperties: false
            required: [buyer]
            properties:
              buyer: { type: string, minLength: 2 }
              property: { type: string }
    viewings:
      type: demo
      functions:
        - name: schedule
          description: Books a time to see a home. Booking it twice is booking it once.
          effect: idempotent
          timeout: 5s
          retry: { attempts: 3, base: 400ms }
          parameters:
            type: object
            additionalProperties: false
            required: [property, buyer, day]
            properties:
              property: { type: string }
              buyer: { type: string }
              day: { enum: [monday, tuesday, wednesday, thursday, friday, saturday] }
    offers:
      type: demo
      functions:
        - name: submit
          description: Makes an offer to the seller, in writing.
          effect: write
          timeout: 8s
          parameters:
            type: object
            additionalProperties: false
            required: [property, buyer, amount, currency]
            properties:
              property: { type: string }
              buyer: { type: string }
              amount: { type: integer, minimum: 1000 }
              currency: { enum: [EUR, USD] }
              note: { type: string, maxLength: 2000 }
    payments:
      type: demo
      functions:
        - name: send_wire
          description: Sends earnest money to an account. What was sent cannot be called back.
          effect: write
          timeout: 5s
          parameters:
            type: object
            additionalProperties: false
            required: [amount, currency, account, payee]
            properties:
              amount: { type: number, exclusiveMinimum: 0, maximum: 500000 }
              currency: { enum: [EUR, USD] }
              account: { type: string, minLength: 8, maxLength: 40 }
              payee: { type: string, minLength: 2 }
              memo: { type: string, maxLength: 400 }

  # The first rule that matches decides; no match asks.
  approvals:
    - { effect: read, approval: never }
    - { effect: idempotent, approval: never }
    - function: payments.send_wire
      when: { properties: { amount: { maximum: 1000 } }, required: [amount] }
      approval: never
    - function: offers.submit
      when: { properties: { amount: { exclusiveMaximum: 300000 } }, required: [amount] }
      approval: never
    - { function: payments.send_wire, label: "wire over 1,000", expires: 10m }
    - { function: offers.submit, label: "offer of 300,000 or more", expires: 15m }

  limits:
    slots: 16
    conversation: { turns: 20, calls: 60, time: 10m, unknown_wait: 2m }

  # Steps in an order: what one finds the next ones use. Screen 6 shows the runs.
  workflows:
    - workflow: due-diligence
      description: Looks a home up, its market and its buyer at one time, and makes an offer where nothing speaks against it.
      input:
        type: object
        additionalProperties: false
        required: [property, town, buyer, ask, currency]
        properties:
          property: { type: string }
          town: { type: string }
          buyer: { type: string }
          ask: { type: integer }
          currency: { enum: [EUR, USD] }
      steps:
        - id: validate
          call: properties.validate
          with: { property: "${input.property}" }
        - id: market
          needs: [validate]
          call: market.analyse
          with: { town: "${input.town}" }
          required: false                       # a failure here does not end the run
          timeout: 20s
        - id: compliance
          needs: [validate]
          call: compliance.check
          with: { buyer: "${input.buyer}", property: "${validate.property}" }
        - id: offer
          needs: [market, compliance]
          # A JSON Schema over what the steps before it gave.
          when:
            required: [compliance]
            properties: { compliance: { required: [verdict], properties: { verdict: { const: clear } } } }
          call: offers.submit
          with:
            property: "${input.property}"
            buyer: "${input.buyer}"
            amount: "${market.median_price ?? input.ask}"
            currency: "${input.currency}"
      output: { offer: "${offer.offer ?? null}", status: "${offer.status ?? 'no offer was made'}" }

  # The first of these opens the demo; then each begins in turn, anew when one has ended.
  conversations:
    - { model: closing, caller: agent-7 }
    - { model: flat-hunt, caller: agent-1 }
    - { model: flat-hunt, caller: agent-2 }
    - { model: market-watch, caller: agent-3 }
    - { model: market-watch, caller: agent-4 }
    - { model: offer, caller: agent-1 }
    - { model: offer, caller: agent-5 }
    - { model: holding-deposit, caller: agent-2 }
    - { model: holding-deposit, caller: agent-6 }
    - { model: due-diligence, caller: agent-6 }
    - { model: clumsy, caller: agent-4 }
    - { model: relocation, caller: agent-3 }
    - { model: closing, caller: agent-7 }
    - { model: viewing-tour, caller: agent-5 }

  scripts:
    closing:
      title: Closing on ${address}
      system: You are the closing agent of a real estate office. Send money only where the contract says so.
      user: Please send the earnest money of ${amount} ${currency} for ${address} to ${payee}.
      vars:
        address: { pick: [12 Oak Street, 7 Lake Street, 31 Torstraße, 4 Berger Straße, 88 Alberta Street] }
        amount: { pick: [25000, 18500, 32000, 12750, 41000] }
        currency: { pick: [USD, EUR] }
        payee: { pick: [Lakeside Title Company, Notariat Weber & Söhne, Pacific Escrow, Notarin Dr. Aydın] }
        account: { pick: [DE89 3704 0044 0532 0130 00, DE12 5001 0517 0648 4898 90, US 021000021 483920117] }
      after: 0.5s..1.2s
      over: 600ms
      turns:
        - say: The contract for ${address} is signed. I send the earnest money now.
          calls:
            - function: payments.send_wire
              id: wire
              with: { amount: "${amount}", currency: "${currency}", account: "${account}", payee: "${payee}", memo: "Earnest money for ${address}" }
        - choose:
            - if: { properties: { last: { properties: { error: { properties: { kind: { const: outcome_unknown } }, required: [kind] } }, required: [error] } }, required: [last] }
              say: Nobody can say yet whether the money left. I will not send it again; a person is finding out.
              end: true
            - if: { properties: { last: { properties: { error: { properties: { kind: { const: denied } }, required: [kind] } }, required: [error] } }, required: [last] }
              say: "Understood, I don't send ${amount} ${currency}. I check the payee, and then offer a holding deposit of 900 instead."
              calls:
                - { function: compliance.check, id: payee_check, with: { buyer: "${payee}" } }
              goto: smaller
            - if: { properties: { last: { required: [error] } }, required: [last] }
              say: "The wire did not go out: ${wire.error.message ?? 'no reason was given'} I stop here and tell the buyer."
              end: true
            - say: "The wire of ${wire.amount} ${wire.currency} is on its way, reference ${wire.reference}. I book the handover."
              calls:
                - { function: viewings.schedule, id: handover, with: { property: "${address}", buyer: "${payee}", day: friday } }
              goto: booked
        - label: booked
          say: "The handover is on ${handover.day ?? 'a day to be agreed'}. That closes ${address}. 🎉"
          end: true
        - label: smaller
          say: "The check says: ${payee_check.verdict ?? 'nothing yet'}. I send 900 ${currency} as a holding deposit."
          calls:
            - function: payments.send_wire
              id: deposit
              with: { amount: 900, currency: "${currency}", account: "${account}", payee: "${payee}", memo: "Holding deposit for ${address}" }
        - say: "Done, as far as I may go: ${deposit.reference ?? 'the deposit is open'}. The rest waits for you."
          end: true
      on_message:
        say: "Noted: ${message}"

    flat-hunt:
      title: ${rooms}+ rooms in ${town}, up to ${budget}
      system: You help people find a home.
      user: "I look for ${rooms}+ rooms in ${town}, at most ${budget}. ${wish}"
      vars:
        town: { pick: [Mitte, Wedding, Bornheim, Plagwitz, Oak Park, Austin, Portland] }
        budget: { pick: [280000, 320000, 360000, 420000, 480000] }
        rooms: { pick: [1, 2, 3] }
        buyer: { pick: [Maria Schmidt, John Carter, Ayşe Yılmaz, 李娜, Zoë O'Brien, Søren Holm] }
        wish: { pick: ["A balcony would be lovely 🌿", "Near a school, please.", "Ground floor, for a wheelchair.", "Kein Durchgangszimmer, bitte."] }
        day: { pick: [monday, tuesday, wednesday, thursday, friday, saturday] }
      after: 0.6s..2s
      over: 1s
      turns:
        - say: Let me see what there is in ${town}.
          calls:
            - { function: properties.search, id: search, with: { town: "${town}", max_price: "${budget}", min_rooms: "${rooms}" } }
        - choose:
            - if: { properties: { last: { required: [error] } }, required: [last] }
              say: The search does not answer. I come back to you tomorrow.
              end: true
            - if: { properties: { last: { properties: { items: { maxItems: 0 } }, required: [items] } }, required: [last] }
              say: There is nothing for ${budget} in ${town}. What do prices do there?
              calls:
                - { function: market.analyse, id: market, with: { town: "${town}" } }
              goto: priced-out
            - say: "I found ${search.total}. The best is ${search.items[0].address} for ${search.items[0].price}. I check the register."
              calls:
                - { function: properties.validate, id: register, with: { property: "${search.items[0].id}" } }
        - say: "Built in ${register.built ?? 'an unknown year'}, class ${register.energy_class ?? 'unknown'}. I book a viewing on ${day}."
          calls:
            - { function: viewings.schedule, id: viewing, with: { property: "${search.items[0].id}", buyer: "${buyer}", day: "${day}" } }
        - say: "See you on ${day}: ${viewing.viewing ?? 'I will call you to agree a time'}."
          end: true
        - label: priced-out
          say: "The median is ${market.median_price ?? 'unknown'} ${market.currency ?? ''}. With ${budget} it takes patience, or another district."
          end: true
      on_message:
        say: "Understood: ${message}"

    market-watch:
      title: Where is ${town} going
      system: You are an analyst. Ask for numbers before you say anything.
      user: Is it a good time to buy in ${town} or in ${other}?
      vars:
        town: { pick: [Mitte, Bornheim, Austin, Oak Park] }
        other: { pick: [Wedding, Plagwitz, Portland, Austin] }
        budget: { pick: [320000, 420000] }
      after: 0.8s..2.2s
      over: 1200ms
      turns:
        - say: I ask for both markets at once.
          calls:
            - { function: market.analyse, id: first, with: { town: "${town}" } }
            - { function: market.analyse, id: second, with: { town: "${other}" } }
            - { function: market.analyse, id: again, with: { town: "${town}" } }
            - { function: properties.search, id: offers, with: { town: "${town}", max_price: "${budget}" } }
        - choose:
            - if: { properties: { results: { contains: { required: [error] } } }, required: [results] }
              say: "Part of the numbers is missing (${first.error.message ?? second.error.message ?? 'one feed failed'}). I ask once more."
              calls:
                - { function: market.analyse, id: first, with: { town: "${town}" } }
                - { function: market.analyse, id: second, with: { town: "${other}" } }
              goto: verdict
            - say: "${town}: ${first.change_percent ?? first.result.change_percent ?? '?'} %, ${other}: ${second.change_percent ?? second.result.change_percent ?? '?'} %. Let me see the longer run."
              calls:
                - { function: market.analyse, id: long, with: { town: "${town}", months: 60 } }
        - label: verdict
          say: "In ${town} a home stands ${first.days_on_market ?? first.result.days_on_market ?? 'some'} days, and ${offers.total ?? 'a few'} are within ${budget}. I would look, not run."
          end: true

    offer:
      title: Offer for ${buyer} in ${town}
      system: You make offers for buyers who have told you their limit.
      user: Find me something with ${rooms}+ rooms in ${town} and offer up to ${limit}.
      vars:
        town: { pick: [Mitte, Bornheim, Oak Park, Portland, Wedding] }
        currency: { pick: [EUR, USD] }
        limit: { pick: [290000, 345000, 395000, 410000, 265000] }
        rooms: { pick: [1, 2] }
        buyer: { pick: [Familie Öztürk, Grace Hopper, Dr. Krüger, 田中さくら, The Abbotts] }
      after: 0.6s..1.6s
      over: 900ms
      turns:
        - say: I look for ${rooms}+ rooms in ${town}, and at the buyer's papers meanwhile.
          calls:
            - { function: properties.search, id: search, with: { town: "${town}", max_price: "${limit}", min_rooms: "${rooms}" } }
            - { function: compliance.check, id: papers, with: { buyer: "${buyer}" } }
        - choose:
            - if: { properties: { calls: { properties: { search: { properties: { items: { minItems: 1 } }, required: [items] } }, required: [search] } }, required: [calls] }
              say: "${search.items[0].address} fits. I look into the register, then offer."
              calls:
                - { function: properties.validate, id: register, with: { property: "${search.items[0].id}" } }
            - say: There is nothing to offer on today.
              end: true
        - say: "I offer ${limit} ${currency}."
          calls:
            - function: offers.submit
              id: offer
              with: { property: "${search.items[0].id}", buyer: "${buyer}", amount: "${limit}", currency: "${currency}", note: "Papers: ${papers.verdict ?? 'to follow'}. Built ${register.built ?? 'unknown'}." }
        - choose:
            - if: { properties: { last: { properties: { error: { properties: { kind: { const: denied } }, required: [kind] } }, required: [error] } }, required: [last] }
              say: "Not that much, then. I offer 255,000, and say why."
              calls:
                - function: offers.submit
                  id: offer
                  with: { property: "${search.items[0].id}", buyer: "${buyer}", amount: 255000, currency: "${currency}", note: "A first offer." }
              goto: told
            - if: { properties: { last: { required: [error] } }, required: [last] }
              say: "The offer did not go out: ${offer.error.message}"
              end: true
            - goto: told
        - label: told
          say: "Offer ${offer.offer ?? 'open'} over ${offer.amount ?? 'nothing yet'} is ${offer.status ?? 'not with the seller'}."
          end: true

    holding-deposit:
      title: Holding deposit, ${payee}
      system: You pay small deposits that hold a home for a week.
      user: Hold the flat of ${payee} for us, please. ${amount} ${currency} are agreed.
      vars:
        payee: { pick: [Hausverwaltung Brandt, Greenfield Rentals, 山本不動産, Immobilien Kaya] }
        amount: { pick: [450, 600, 750, 900] }
        currency: { pick: [EUR, USD] }
        account: { pick: [DE44 5001 0517 5407 3249 31, DE02 1203 0000 0000 2020 51, US 026009593 664210988] }
      after: 0.7s..1.8s
      over: 700ms
      turns:
        - say: First I check ${payee}.
          calls:
            - { function: compliance.check, id: check, with: { buyer: "${payee}" } }
        - say: "${check.verdict ?? 'No answer'}: I send ${amount} ${currency}."
          calls:
            - function: payments.send_wire
              id: wire
              with: { amount: "${amount}", currency: "${currency}", account: "${account}", payee: "${payee}", memo: "Holding deposit, one week" }
        - choose:
            - if: { properties: { last: { properties: { error: { properties: { kind: { const: outcome_unknown } }, required: [kind] } }, required: [error] } }, required: [last] }
              say: The bank's answer got lost. I do not send it twice; a person looks into it.
              end: true
            - if: { properties: { last: { required: [error] } }, required: [last] }
              say: "It was not sent: ${wire.error.message}"
              end: true
            - say: "Sent: ${wire.reference} over ${wire.amount} ${wire.currency}. The flat is held until next week."
              end: true

    due-diligence:
      title: Papers for ${town}
      system: You read registers so that buyers need not.
      user: Check everything you can about the three cheapest homes in ${town}.
      vars:
        town: { pick: [Wedding, Plagwitz, Austin, Mitte] }
      after: 0.8s..2s
      over: 900ms
      turns:
        - say: First, what there is.
          calls:
            - { function: properties.search, id: search, with: { town: "${town}", max_price: 900000 } }
        - choose:
            - if: { properties: { last: { properties: { items: { minItems: 3 } }, required: [items] } }, required: [last] }
              say: Three registers at once.
              calls:
                - { function: properties.validate, id: one, with: { property: "${search.items[0].id}" } }
                - { function: properties.validate, id: two, with: { property: "${search.items[1].id}" } }
                - { function: properties.validate, id: three, with: { property: "${search.items[2].id}" } }
                - { function: compliance.check, id: seller, with: { buyer: "Seller of ${search.items[0].address}", property: "${search.items[0].id}" } }
            - say: There are fewer than three. Nothing to compare.
              end: true
        - say: "Built ${one.built ?? '?'}, ${two.built ?? '?'} and ${three.built ?? '?'}; the seller is ${seller.verdict ?? 'not checked'}. I would take the second."
          end: true

    clumsy:
      title: A model that slips
      system: You help people find a home.
      user: Something in ${town}, please, up to ${budget}. And tell me what it should cost.
      vars:
        town: { pick: [Bornheim, Mitte, Portland] }
        budget: { pick: [350000, 450000] }
      after: 0.7s..1.6s
      over: 700ms
      turns:
        - calls:
            - { function: properties.search, id: search, with: { town: "${town}", max_price: "${budget} or so" } }
        - say: The price has to be a number. Once more.
          calls:
            - { function: properties.search, id: search, with: { town: "${town}", max_price: "${budget}" } }
            # There is no such function: the model made it up, and is told.
            - { function: properties.appraise, id: value, with: { town: "${town}" } }
        - say: There is no appraisal. I take the market's numbers.
          calls:
            - { function: market.analyse, id: market, with: { town: "${town}", months: 24 } }
        - say: "${search.total ?? 'Some'} homes, and the median is ${market.median_price ?? market.result.median_price ?? 'not known today'}."
          end: true

    relocation:
      title: Moving to ${town} 🚚
      system: You help families who move far.
      user: "${words}"
      vars:
        town: { pick: [Austin, Portland, Mitte, Oak Park] }
        words:
          pick:
            - 我们下个月搬家，想找一套三居室，最好靠近公园。🏡
            - 家族で引っ越します。静かな場所を探しています。
            - Wir ziehen im Frühjahr um und suchen etwas Ruhiges mit Garten 🌳
            - نبحث عن منزل قريب من المدرسة
            - We are moving with two kids and a very large dog 🐕
        day: { pick: [tuesday, thursday, saturday] }
      after: 0.8s..2s
      over: 1200ms
      turns:
        - say: Welcome! I look around in ${town}, and ask what the market does.
          calls:
            - { function: properties.search, id: search, with: { town: "${town}", max_price: 520000, min_rooms: 3 } }
            - { function: market.analyse, id: market, with: { town: "${town}" } }
        - choose:
            - if: { properties: { calls: { properties: { search: { properties: { items: { minItems: 1 } }, required: [items] } }, required: [search] } }, required: [calls] }
              say: "${search.items[0].address} has ${search.items[0].rooms} rooms. I book a viewing."
              calls:
                - { function: viewings.schedule, id: viewing, with: { property: "${search.items[0].id}", buyer: "a family that moves", day: "${day}" } }
            - say: Nothing large enough today; I keep looking and write to you.
              end: true
        - say: "${viewing.viewing ?? 'The viewing'} is on ${day}. 👋"
          end: true

    viewing-tour:
      title: Tour of ${town} on ${day}
      system: You plan a day of viewings.
      user: Three homes in ${town} on one day, please.
      vars:
        town: { pick: [Mitte, Bornheim, Austin] }
        day: { pick: [monday, wednesday, friday] }
        buyer: { pick: [Paul Meyer, Nia Adeyemi, 김민준] }
      after: 0.6s..1.5s
      over: 800ms
      turns:
        - say: I look for homes that lie close together.
          calls:
            - { function: properties.search, id: search, with: { town: "${town}", max_price: 600000 } }
            - { function: properties.search, id: same, with: { town: "${town}", max_price: 600000 } }
        - choose:
            - if: { properties: { last: { properties: { items: { minItems: 3 } }, required: [items] } }, required: [last] }
              say: I book three in a row.
              calls:
                - { function: viewings.schedule, id: one, with: { property: "${search.items[0].id}", buyer: "${buyer}", day: "${day}" } }
                - { function: viewings.schedule, id: two, with: { property: "${search.items[1].id}", buyer: "${buyer}", day: "${day}" } }
                - { function: viewings.schedule, id: three, with: { property: "${search.items[2].id}", buyer: "${buyer}", day: "${day}" } }
            - say: There are not three to see.
              end: true
        - say: "Booked: ${one.viewing ?? '-'}, ${two.viewing ?? '-'}, ${three.viewing ?? '-'}. Bring good shoes."
          end: true
  """#
