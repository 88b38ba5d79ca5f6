local test = require "vitrine.test"

test("greets by name", function(app)
  local visitor = app:visit()
  visitor:set("Your name", "Ada")
  visitor:click "Submit"
  test.equal(visitor:value "Greeting", "Hello, Ada!")
end)

test("greets whoever says nothing", function(app)
  local visitor = app:visit()
  visitor:click "Submit"
  test.equal(visitor:value "Greeting", "Hello, world!")
end)
