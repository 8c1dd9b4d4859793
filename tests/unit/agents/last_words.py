"""Last lines of programs of plain text: what CLIs print at a limit, and what agents honestly
say about a project that has limits itself."""

ANNOUNCED = """\
Claude AI usage limit reached|1795228200
Claude usage limit reached. Your limit will reset at 2pm (America/New_York).
5-hour limit reached ∙ resets 2am
You've hit your limit · resets 1am (Europe/Oslo)
You've hit your limit · resets 1pm
You've hit your session limit · resets 8:20pm (Asia/Kolkata)
You've hit your 5-hour limit · resets 8:23am (UTC)
You've hit your weekly limit · resets Nov 24, 2am (UTC)
You've hit your weekly limit. It resets on Friday at 9:00 PM.
You've hit your Opus limit · resets Sat 3am
You've hit your Sonnet limit · resets 11pm
Weekly limit reached · resets Mon 9am
Weekly limit reached ∙ resets Oct 6, 1pm · /upgrade to increase your usage limit
Session limit reached ∙ resets 12pm
Opus weekly limit reached ∙ resets Oct 9, 5am
You're out of extra usage · resets 3pm
You’ve hit your usage limit. Upgrade to Pro or try again at 3:42 PM.
You've hit your usage limit. Upgrade to Pro (https://example.com/pricing) or try again in 5 days 3 hours 12 minutes.
You've hit your usage limit. Try again at Nov 22nd, 2026 3:39 AM.
You've hit your usage limit. Try again in 2 days 17 hours 14 minutes.
You've hit your usage limit. Visit https://example.com/usage to purchase more credits or try again at 5:03 PM.
You have reached your specified API usage limits. You will regain access on 2026-12-01 at 00:00 UTC.
{"type":"usage_limit_reached","resets_at":1795228200,"resets_in_seconds":10800}
{"error":{"code":429,"message":"Resource has been exhausted (e.g. check quota).","status":"RESOURCE_EXHAUSTED"}}
2026-11-20T23:29:58Z ERROR usage limit reached, try again in 3 hours
2026-11-21 00:29:58 ERROR usage limit reached, resets 2026-11-21T06:00:00Z
ERROR: You've hit your usage limit. Try again in 3 hours 20 minutes.
Error: usage limit reached
Error: rate limit exceeded
Quota exceeded, resets 2026-11-21 06:00 UTC
Quota exceeded for metric: generate_content_requests, limit: RequestsPerDay
Rate limit exceeded; next request after 2026-11-21T08:00:00+02:00
Rate limit exceeded. Please try again later.
Rate limit reached, retry in 20s
429 Too Many Requests
429 Too Many Requests, retry-after: 5400
429 Too Many Requests, Retry-After: Sat, 21 Nov 2026 02:28:00 GMT
429 {"error":{"message":"Rate limit reached for requests"}}
HTTP 429: rate limit
HTTP/1.1 429 Too Many Requests
status code 429: too many requests
RESOURCE_EXHAUSTED {"retryDelay": "51820.6s"}
Resource exhausted. Please try again later.
You exceeded your current quota, please check your plan and billing details. Please retry in 734s.
[API Error: You have exhausted your daily quota on this model.]
[API Error: You have exhausted your capacity on this model. Your quota will reset after 3h20m5s.]
TerminalQuotaError: You have exhausted your daily quota on this model.
RetryableQuotaError: You exceeded your current quota. Please retry in 34.07s.
exceeded retry limit, last status: 429 Too Many Requests
stream error: exceeded retry limit, last status: 429 Too Many Requests
API Error: Request rejected (429) · Number of request tokens has exceeded your per-minute rate limit
API Error: 429 {"type":"error","error":{"type":"rate_limit_error","message":"This request would exceed your rate limit"}}
rate_limit_error: Number of request tokens has exceeded your per-minute rate limit
rate_limit_exceeded: Rate limit reached for gpt in organization
litellm.RateLimitError: RateLimitError: OpenAIException - Rate limit reached for gpt
openai.RateLimitError: Error code: 429 - {'error': {'message': 'Rate limit reached'}}
anthropic.RateLimitError: Error code: 429
LLM error: Too many tokens, please wait before trying again: token limit
Too many requests. Please wait.
Too many requests, please try again later.
⚠ Usage limit reached. Try again at 14:00.
■ You've hit your usage limit. To get more access now, send a request to your admin or try again at 2:10 AM.
❌ Error: quota exceeded
✗ Request failed: 429 Too Many Requests
Request failed with status code 429
Failed: 429 rate limit exceeded
You've reached your monthly usage limit. Upgrade to continue.
You have used up your monthly quota. Upgrade to Pro.
You've exhausted your premium requests quota. Upgrade your plan.
Copilot usage limit exceeded, please wait until 2026-12-01
Monthly limit reached. Resets on 2026-12-01.
Daily limit exceeded. Try again tomorrow at 00:00.
Hourly request limit exceeded. Retry after 30 minutes.
Token limit exceeded, retry after 60 seconds: rate limit
Usage limit reached
Credit balance is too low
Your credit balance is too low. Please go to Plans & Billing to upgrade or purchase credits: credit balance
API Error: 400 {"type":"error","error":{"message":"Your credit balance is too low to access the API."}}
You're out of extra usage
You're out of credits. Add more to go on: credit balance
You've hit your individual spend limit · ask your admin
You've hit your organization's monthly spend limit · resets Dec 1, 12am (UTC)
Quota exceeded. Check your plan and billing details.
insufficient_quota: You exceeded your current quota, try again in 1h
Insufficient credits. Add more at https://example.com/credits
Insufficient funds
Insufficient balance. Please top up.
402 Payment Required
Error: 402 Payment Required
Error code: 402 - insufficient credits
Invalid API key · Please run /login
Invalid API key · Fix external API key
Not logged in · Please run /login
Please run /login · API Error: 401
API Error: 401 {"type":"error","error":{"type":"authentication_error","message":"OAuth token has expired."}} · Please run /login
OAuth token has expired. Please obtain a new token
OAuth token revoked · Please run /login
unexpected status 401 Unauthorized: Missing bearer
401 Unauthorized
Error: 401 Unauthorized
Error: no API key found
API key not valid. Please pass a valid API key.
Authentication required. Please log in again.
Your access token was revoked. Please log in again.
AuthenticationError: invalid api key
No API key provided. Set it in the environment and log in again.
""".splitlines()

HONEST = """\
I looked at src/billing/invoice.py and have a question about it.
The rate limiter in src/limit.py already answers 429; nothing to change.
The login page shows an invalid API key error as it should.
The test covers the usage limit of the trial plan.
Users without credit are sent to the credit balance page.
Unauthorized users are refused as they should be; please log in with a member to see it.
The limiter counts requests per minute, and the limit is hit in test_burst.
Nothing to do: a request above the quota is answered with 429 Too Many Requests.
A customer whose credit balance is too low sees the top-up form.
The API answers 401 Unauthorized when the token has expired, which the test expects.
I read the code of the usage limit and changed nothing.
The weekly limit is reset on Monday by the job in jobs/reset.py.
Billing is done by the nightly job; there is nothing in the feature that touches it.
The rate limit exceeded page is translated already.
Your quota page has no test yet, so I left it alone.
Rate limit exceeded responses now carry a Retry-After header.
Rate limiting is done by nginx here and not by the application.
Rate limits are kept in redis, one key for each client.
429 is what the limiter answers, and the client retries three times.
401 is returned for a missing token and 403 for a wrong one.
402 Payment Required is handled by the checkout already.
Quota exceeded is shown in red once the last unit is used.
Too many requests from one address are answered with 429.
Too many requests are dropped silently; that is the bug, but I could not find where.
Usage limits are checked before the upload starts.
Usage limit reached is the title of the mail that goes out.
Invalid API key errors are logged once an hour.
Invalid credentials lead back to the form, as they did before.
Authentication is done in middleware.py, and the session lives for an hour.
Authentication failed events are counted per account.
Login required pages redirect to /login with the right next parameter.
The token has expired after sixty minutes in the fixture, so the test is right.
Token expired errors come from the clock of the fixture.
Tokens that have been revoked are refused.
The API key is missing in the example configuration on purpose.
API key rotation works as described, so no change is needed.
Payment required responses are not cached.
Insufficient funds are reported by the bank and shown to the user.
Insufficient quota is one of the seven reasons in reasons.py.
Not logged in visitors see the price without the discount.
The credit balance of an account is the sum of its entries.
Credit notes are numbered like invoices.
Out of credit accounts keep their data for a year.
Spending limits are set by the administrator in settings.
A spend limit of zero means that nothing may be spent.
The monthly limit was reached in the fixture because it creates eleven uploads.
The daily quota of the mail service is in the settings.
The session limit is three devices, see sessions.py.
I see that the session limit reached event is never sent.
Message limits depend on the plan.
The model limit in forms.py is 40 characters.
The request limit was raised to 10 MB by the last feature.
The token limit of the tokenizer is 512.
Hit the limit of what I can find out by reading.
The resource exhausted error of the pool is retried.
Resource exhaustion is tested in test_pool.py.
The retry limit is three, and the last status is kept.
It exceeded the limit of the field, so I shortened the label in my head and left the file.
You've hit your limit is the text on the banner, and the banner is there.
You have reached your limit of three projects is what the user reads.
You are out of credits is shown in the sidebar.
Your account was suspended is the subject of the mail.
Your session has expired is shown for one second too long.
Please run /login is mentioned in the README, nowhere else.
Please log in is the label of the button.
Please log in with a member to see it.
The admin can raise the usage allocation of a team.
Accounts whose usage was disabled by an admin cannot log in.
The 5-hour limit of the demo is enforced by a cron job.
Five tests cover the quota, and all of them pass.
No API key is needed for the public endpoints.
The access token is refreshed when it is invalid.
Unauthorized is one of the states of the reducer.
I did not change the unauthorized page.
Billing details are asked for after the plan was chosen.
The plan and billing details page already shows the quota.
Overloaded operators are fine here; the request limit is another matter.
I could not find out why the rate limit differs between the two servers.
The limit reached the database as a string.
The client waits until the limit resets and tries again.
The test waits for the quota to reset at midnight.
A request rejected with 429 is not counted as an error.
The header Retry-After: 120 is sent with each 429.
HTTP statuses 401, 402 and 429 are mapped to messages in errors.ts.
Status 429 is documented in docs/api.md.
Error handling for 429 is in client.go and looks right to me.
Errors such as 401 are shown in a toast.
Failed logins are limited to five, and a failed payment to three.
The error rate limit is 2 %.
Exceptions for unauthorized access are caught in the outer layer.
The quota service is a stub in this repository.
The invoice of a customer without credit is sent by mail.
Billing, quota and limits are all in one module, which I would split first.
The usage page counts tokens, and there is no limit on it.
It already says so: usage limit reached, try again tomorrow.
The button reads "Invalid API key", as the feature asks.
The log line "429 Too Many Requests" comes from the proxy.
The word unauthorized is spelled in two ways.
I think that the credit limit belongs to the account, not to the order. Which one should it be?
There is a rate limit, there is a test of it, and the test passes.
""".splitlines()
